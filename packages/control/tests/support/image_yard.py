"""A control plane that builds images on a base of a few files, and runs them in targets in memory."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal
from deletion_world import WorldClock
from fastapi.testclient import TestClient
from oci_parts import make_root
from sqlite_schema import lay_schema

from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.target.fake import FakeImageTarget, FakeTarget
from modelyard.deployments.settings import DeploymentSettings
from modelyard.http.settings import HttpSettings
from modelyard.images.imported_bases import ImportedBases
from modelyard.images.settings import ImageSettings
from modelyard.main import Adapters, ControlPlane
from modelyard.oci.archives import LayoutArchives
from modelyard.oci.layout import Layout
from modelyard.packaging.settings import PackagingSettings
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.settings import Settings
from modelyard.storage import StorageSettings

ALICE = Principal(tenant_id="default", subject="alice", role=Role.DEVELOPER)
MALLORY = Principal(tenant_id="elsewhere", subject="mallory", role=Role.DEVELOPER)
REGISTRY = "/api/v1/ml/registry"


class ImageYard:
    """One home; its jobs are worked off on command.

    Args:
        images: settings of images.
    """

    def __init__(
        self,
        home: Path,
        adapters: Adapters,
        log_model: Callable[..., LoggedModel],
        *,
        has_base: bool = True,
        images: Mapping[str, Any],
    ) -> None:
        assert isinstance(adapters.engine, InlineJobEngine)
        self.home = home
        self.engine = adapters.engine
        self._log_model = log_model
        self.layout = Layout(home / "images")
        self.loading = FakeImageTarget(archives=LayoutArchives(self.layout))
        self.pulling = FakeImageTarget()
        targets = {"bundles": FakeTarget(), "loading": self.loading, "pulling": self.pulling}
        settings = Settings(
            storage=StorageSettings(home=home),
            http=HttpSettings(allowed_hosts=["testserver"]),
            packaging=PackagingSettings(compile_models=False),
            deployments=DeploymentSettings(targets={name: {} for name in targets}),
            images=ImageSettings(**images),
        )
        self.clock = WorldClock()
        lay_schema(settings.storage.places)
        self.control = ControlPlane(settings, replace(adapters, targets=targets, clock=self.clock))
        self.clock.meanwhile = self.settle
        self.parts = self.control.deployment_parts.images
        if has_base:
            ImportedBases(self.layout).add(make_root(home.parent / "root"), name="small")
        self.api = TestClient(self.control.app(), raise_server_exceptions=False)
        token = home / "token"
        if (first := self.control.access.first_token()) is not None:
            token.write_text(first)
        self.api.headers["Authorization"] = f"Bearer {token.read_text()}"

    @contextmanager
    def working(self) -> Iterator["ImageYard"]:
        """Until the block ends."""
        with ExitStack() as held:
            held.callback(self.control.database.close)
            held.callback(self.layout.close)
            self.api.portal = held.enter_context(start_blocking_portal())
            yield self

    def register(self, name: str = "my_model", *, owner: Principal = ALICE, **files: bytes) -> int:
        """The next version of a model."""
        changed = {path.replace("_", "."): content for path, content in files.items()}
        logged = self._log_model(files=changed)
        return self.control.registry.register(owner, model_name=name, logged=logged).version

    def ask(self, version: int = 1, *, name: str = "my_model", **body: Any) -> Any:
        """Ask for an image; the accepted job."""
        answer = self.api.post(f"{REGISTRY}/models/{name}/versions/{version}/image", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def work(self) -> None:
        """Work off all jobs."""
        while self.engine.run_next():
            pass

    def make(self, version: int = 1, *, name: str = "my_model", **body: Any) -> Any:
        """Have an image made; as it is listed."""
        job_id = self.ask(version, name=name, **body)["job_id"]
        self.work()
        assert self.job(job_id)["status"] == "succeeded", self.job(job_id)["error"]
        return next(one for one in self.images(name=name, version=version) if one["job_id"] == job_id)

    def images(self, *, name: str = "my_model", version: int = 1) -> list[Any]:
        """The images of a version, newest first."""
        answer = self.api.get(f"{REGISTRY}/models/{name}/versions/{version}/images")
        assert answer.status_code == 200, answer.text
        found: list[Any] = answer.json()["images"]
        return found

    def job(self, job_id: str) -> Any:
        """A job as it stands."""
        return self.api.get(f"/mlops/jobs/{job_id}").json()

    def log(self, job_id: str) -> str:
        """What a job wrote."""
        return self.api.get(f"/mlops/jobs/{job_id}/log").text

    def settle(self) -> None:
        """One pass of each reconciler, to its end."""
        for reconciler in self.control.deployment_parts.reconcilers:
            reconciler.pass_over_all()
            for future in list(reconciler._in_progress.values()):
                future.result()

    def actions(self) -> list[str]:
        """What the audit log says of images, the oldest first."""
        entries = self.control.audit.entries("default")
        return [entry.action for entry in entries if entry.action.startswith("image.")]
