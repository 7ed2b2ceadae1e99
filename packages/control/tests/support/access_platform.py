"""The real application over real HTTP and fakes, and a client for each of its callers."""

import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from sqlite_schema import lay_schema

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments.fake import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.key_sets.fake import FakeKeySets
from modelyard.adapters.model_server import HttpDriftCounts, HttpModelDocuments, HttpPredictions
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.adapters.runner import LocalRunner
from modelyard.adapters.runner.fake import FakeRunner
from modelyard.adapters.service_hosts.fake import FakeServiceHosts
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.adapters.wheels import FakeWheels
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.main import Adapters, ControlPlane
from modelyard.packaging.settings import PackagingSettings
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.tracking_access.grants import NoCredentials


def _not_run(_: RunSpec) -> RunOutcome:
    return RunOutcome(RunPhase.FINISHED, exit_code=1, reason="not run here")


MODEL_FILES = {
    "MLmodel": b"flavors:\n  sklearn:\n    pickled_model: model.pkl\n",
    "model.pkl": b"a model",
    "requirements.txt": b"scikit-learn==1.0\n",
}
_YIELD_SECONDS = 0.02


class YieldingClock(ManualClock):
    """Lets the other threads work while somebody sleeps: a job that waits for a deployment is not late before them."""

    def sleep(self, seconds: float) -> None:
        """See the port."""
        super().sleep(seconds)
        time.sleep(_YIELD_SECONDS)


class Platform:
    """One control plane on a free port, with its own home. Use it as a context manager.

    `groups` are of `Settings`. With `runs` it opens models as a real one does: processes run, in the Python of the
    tests, and time is the system's.
    """

    def __init__(self, home: Path, *, runs: bool = False, **groups: Any) -> None:
        self.clock = YieldingClock()
        self.tracking = FakeTracking()
        self.registered = FakeRegisteredModels(self.tracking)
        self.engine = InlineJobEngine()
        self.receivers = FakeReceivers()
        runner = (
            LocalRunner(home / "jobs", python=lambda _: Path(sys.executable), grace_seconds=1, isolation=NO_ISOLATION)
            if runs
            else FakeRunner(_not_run)
        )
        adapters = Adapters(
            clock=SystemClock() if runs else self.clock,
            engine=self.engine,
            environments=FakeEnvironments(home / "environments"),
            receivers=self.receivers,
            service_hosts=FakeServiceHosts(),
            key_sets=FakeKeySets(),
            runner=runner,
            runners={"local": runner},
            targets={"fake": FakeTarget()},
            tracking=self.tracking,
            registered=self.registered,
            run_credentials=NoCredentials(),
            documents=HttpModelDocuments(),
            drift_counts=HttpDriftCounts(),
            predictions=HttpPredictions(),
            api_management=None,
            wheels=FakeWheels(home / "wheels"),
        )
        # What is a fake opens no model.
        packaging = PackagingSettings(open_models=runs, compile_models=not runs)
        groups = {"storage": StorageSettings(home=home), "packaging": packaging, **groups}
        settings = Settings(**groups)
        lay_schema(settings.storage.places)
        self.control = ControlPlane(settings, adapters)
        self.app = self.control.app()
        self._token_file = home / "token"
        self._clients = ExitStack()
        # Without `proxy_headers`, so that an address is the connection's own.
        config = uvicorn.Config(self.app, port=0, log_config=None, timeout_graceful_shutdown=1, proxy_headers=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the application did not start"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()
        self._server.should_exit = True
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def requests_in_progress(self) -> int:
        """How many requests are being answered, streams among them."""
        return len(self._server.server_state.tasks)

    def at(self, token: str | None, *, address: str = "127.0.0.1") -> httpx.Client:
        """A client that sends this token from this address of the loopback."""
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            transport=httpx.HTTPTransport(local_address=address),
            timeout=30,
        )
        return self._clients.enter_context(client)

    @property
    def operator_token(self) -> str:
        """The secret of the first tenant's administrator."""
        return self._token_file.read_text().strip()

    @property
    def operator(self) -> httpx.Client:
        """The first tenant's administrator."""
        return self.at(self.operator_token)

    def tenant(self, tenant_id: str, *, admin: str = "ada", **body: Any) -> httpx.Client:
        """The administrator of a new tenant."""
        made = self.operator.post("/api/v1/access/tenants", json={"tenant_id": tenant_id, "admin": admin, **body})
        assert made.status_code == 201, made.text
        return self.at(made.json()["admin_token"]["secret"])

    def member(self, admin: httpx.Client, subject: str, role: str, **token: Any) -> httpx.Client:
        """A new member of the administrator's tenant, with a token."""
        added = admin.post("/api/v1/access/members", json={"subject": subject, "role": role})
        assert added.status_code == 201, added.text
        made = admin.post("/api/v1/access/tokens", json={"name": "test", "subject": subject, **token})
        assert made.status_code == 201, made.text
        return self.at(made.json()["secret"])

    def log_model(self, *, auc: float = 0.9) -> str:
        """The id of a run that logged a model."""
        run_id = self.tracking.log_run("iris", metrics={"auc": auc})
        self.tracking.log_model(run_id, "model", MODEL_FILES)
        return run_id
