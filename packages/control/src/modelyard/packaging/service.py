"""Builds the bundle of a version and the environment that serves it, once."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from modelyard.bundle_digest import bundle_digest
from modelyard.db import Database
from modelyard.errors import Conflict, NotFound
from modelyard.leases.service import Leases
from modelyard.packaging import store
from modelyard.packaging.bundle_writer import BundleFacts, write_bundle
from modelyard.packaging.compilation import Report
from modelyard.packaging.compiler import Compiler, Serving
from modelyard.packaging.domain import Bundle
from modelyard.packaging.plan import plan_serving
from modelyard.packaging.profiling import Profiler, profile_document
from modelyard.packaging.python import lock_with_its_python
from modelyard.ports.clock import Clock
from modelyard.ports.environments import Environments, Lock, LogLine
from modelyard.ports.tracking import Tracking
from modelyard.registry.domain import Version, manifest_difference
from modelyard.registry.files import manifest_of
from modelyard.registry.service import RegistryService

_COPIES = 2
"""Of a version's files while its bundle is made: what is fetched, and what becomes of it."""


class PackagingService:
    """Bundles of all versions, on this machine. They are made in `scratch`, which is on the file system of `folder`.

    `require_space` raises DiskFull when there is no space for so many bytes.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        tracking: Tracking,
        registry: RegistryService,
        environments: Environments,
        compiler: Compiler,
        profiler: Profiler,
        folder: Path,
        scratch: Path,
        leases: Leases,
        require_space: Callable[[int], None],
    ) -> None:
        self._require_space = require_space
        self._database = database
        self._clock = clock
        self._tracking = tracking
        self._registry = registry
        self._environments = environments
        self._compiler = compiler
        self._profiler = profiler
        self._folder = folder
        self._scratch = scratch
        self._leases = leases

    def keep_lock(self, lock: Lock) -> None:
        """Keep the exact environment that something was trained in."""
        with self._database.write() as connection:
            store.add_lock(connection, digest=lock.digest, text=lock.text, at=self._clock.now())

    def bundle(self, version: Version) -> Bundle:
        """The bundle of a version.

        Raises:
            NotFound: code `bundle_not_found`, when it was not built.
        """
        with self._database.read() as connection:
            bundle = store.find_bundle(connection, version.tenant_id, version.model_name, version.version)
        if bundle is None:
            raise NotFound(
                f"version {version.version} of '{version.model_name}' was not built", code="bundle_not_found"
            )
        return bundle

    def build(self, version: Version, *, log: LogLine) -> Bundle:
        """Fetch the version's files, check them against its manifest, and make the bundle and its environment.

        Built before: given back as it is. Two at once: the second waits for the first and gets its bundle.

        Raises:
            Conflict: code `artifact_changed`, when a file is not what was registered.
            Invalid: the environment cannot be resolved or built.
            Unavailable: the tracker or the package index does not answer.
        """
        # Two that build one version would take the bundle from under each other's servers.
        with self._leases.exclusively(_lease_name(version)):
            try:
                bundle = self.bundle(version)
            except NotFound:
                return self._build(version, log=log)
            if not self._is_here(version, bundle):
                return self._build(version, log=log)
            if not bundle.python.exists():
                lock = Lock(text=self.lock_text(bundle.lock_digest), digest=bundle.lock_digest)
                self._environments.ensure(lock, log=log)
            return bundle

    def built(self, version: Version) -> Bundle | None:
        """The bundle of a version, if it was built."""
        return self.find(version.tenant_id, version.model_name, version.version)

    def find(self, tenant_id: str, model_name: str, number: int) -> Bundle | None:
        """The same, by the version's key."""
        with self._database.read() as connection:
            return store.find_bundle(connection, tenant_id, model_name, number)

    def count(self, tenant_id: str, model_name: str) -> int:
        """How many versions of a model were built."""
        with self._database.read() as connection:
            return store.count_bundles(connection, tenant_id, model_name)

    def of_model(self, tenant_id: str, model_name: str, most: int) -> list[Bundle]:
        """The bundles of a model's first versions that were built."""
        with self._database.read() as connection:
            return store.bundles_of(connection, tenant_id, model_name, limit=most)

    def ready(self, version: Version) -> Bundle | None:
        """The bundle of a version, if it was built and all of it is on this machine."""
        bundle = self.built(version)
        if bundle is None or not self._is_here(version, bundle) or not bundle.python.exists():
            return None
        return bundle

    def remove(self, version: Version) -> None:
        """Take the version's bundle away. One that is just being built is waited for. None there: nothing to do."""
        with self._leases.exclusively(_lease_name(version)):
            with self._database.write() as connection:
                store.remove_bundle(connection, version.tenant_id, version.model_name, version.version)
            shutil.rmtree(self._place(version), ignore_errors=True)

    def sweep(self, is_gone: Callable[[str, str, int], bool]) -> None:
        """Take away what lies here of versions that are gone: a build that was under way when one was deleted."""
        for place in self._folder.glob("*/*/*"):
            tenant_id, label, number = place.parts[-3:]
            if number.isdecimal() and is_gone(tenant_id, label, int(number)):
                shutil.rmtree(place, ignore_errors=True)

    def _is_here(self, version: Version, bundle: Bundle) -> bool:
        """Whether these very files are in the bundle's place. Those of a build that was cut off are not."""
        return bundle.path == self._place(version) and bundle_digest(bundle.path) == bundle.manifest_digest

    def _place(self, version: Version) -> Path:
        label = self._registry.label(version.tenant_id, version.model_name)
        return self._folder / version.tenant_id / label / str(version.version)

    def _build(self, version: Version, *, log: LogLine) -> Bundle:
        place = self._place(version)
        self._require_space(_COPIES * version.size)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._scratch, prefix="build-") as name:
            model = Path(name) / "model"
            model.mkdir()
            log(f"fetching version {version.version} of '{version.model_name}'")
            self._tracking.download(version.model_uri, model)
            self._check(version, model)
            report, serving = self._serving(version, model, Path(name) / "trial", log=log)
            profile = write_bundle(
                model,
                place,
                facts=_facts(version),
                plan=serving.plan,
                lock=serving.lock,
                compiled=serving.compiled,
                example=serving.example,
                profile=lambda whole: self._profiler.profile(
                    version, whole, Path(name) / "profile", python_environment=serving.lock.digest, log=log
                ),
            )
        bundle = Bundle(
            model_name=version.model_name,
            version=version.version,
            path=place,
            manifest_digest=bundle_digest(place) or "",
            runtime=serving.plan.runtime,
            lock_digest=serving.lock.digest,
            python=serving.python,
            compilation=report.document,
            profile=None if profile is None else profile_document(profile),
            created_at=self._clock.now(),
        )
        with self._database.write() as connection:
            store.add_lock(connection, digest=serving.lock.digest, text=serving.lock.text, at=bundle.created_at)
            store.put_bundle(connection, version.tenant_id, bundle)
        log(f"built {bundle.reference}, served by the {bundle.runtime} runtime")
        return bundle

    def _serving(self, version: Version, model: Path, scratch: Path, *, log: LogLine) -> tuple[Report, Serving]:
        """What the trial of the model's translation said, and how the better of the two is served."""
        plan = plan_serving(model)
        constraints = self.lock_text(version.lock_digest)
        scratch.mkdir()
        compilation = self._compiler.compile(model, scratch, plan=plan, constraints=constraints, log=log)
        log(compilation.report.summary)
        if compilation.serving is not None:
            return compilation.report, compilation.serving
        self._check(version, model)  # The trial has run the model's code beside its files.
        lock = lock_with_its_python(self._environments, plan, plan.server_extras, constraints=constraints, log=log)
        return compilation.report, Serving(plan, lock, self._environments.ensure(lock, log=log).python)

    def _check(self, version: Version, folder: Path) -> None:
        different = manifest_difference(self._registry.manifest(version), manifest_of(folder))
        if different:
            raise Conflict(
                f"the files of version {version.version} of '{version.model_name}' are not those that were registered: "
                f"{', '.join(different[:5])}",
                code="artifact_changed",
            )

    def lock_text(self, digest: str | None) -> str:
        """The exact environment that something was trained in; empty where it is not known."""
        if digest is None:
            return ""
        with self._database.read() as connection:
            return store.find_lock(connection, digest) or ""


def _facts(version: Version) -> BundleFacts:
    return BundleFacts(
        model_name=version.model_name,
        version=version.version,
        run_id=version.run_id,
        mlflow_uri=version.model_uri,
        created_at=version.created_at,
    )


def _lease_name(version: Version) -> str:
    return f"bundle/{version.tenant_id}/{version.subject}"
