"""Follows a version to what made it and to what it made, through the nouns' own services. It keeps nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus
from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.packaging.domain import Bundle
from modelyard.packaging.service import PackagingService
from modelyard.ports.tracking import TrackedRun, Tracking
from modelyard.principals import Permission, Principal
from modelyard.registry.domain import Dataset, Version
from modelyard.registry.service import RegistryService, datasets_of
from modelyard.training.domain import script_sha256
from modelyard.training.kinds import TRAINING_KINDS

_MOST = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """What a question about versions begins with; exactly one is given."""

    run_id: str | None = None
    job_id: str | None = None
    script_sha256: str | None = None
    deployment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What is known of a version's way; None where there is none, or the caller may not see it."""

    version: Version
    retrained_as: Sequence[Version]
    """The versions that were trained by its recipe since, newest first."""
    job: Job | None
    script_sha256: str | None
    run: TrackedRun | None
    """None also when the tracker does not answer, or the run was deleted there."""
    bundle: Bundle | None
    deployments: Sequence[Deployment]
    """Newest first; those that are stopped too."""

    @property
    def datasets(self) -> Sequence[Dataset]:
        """The data that the version was made with: its own list, or for one from before there was any, its run's."""
        return datasets_of(self.run) if self.version.datasets is None else self.version.datasets


class LineageService:
    """Lineage of all tenants, for who may read models. Jobs and deployments are shown to those who may read them."""

    def __init__(
        self,
        *,
        registry: RegistryService,
        jobs: JobService,
        packaging: PackagingService,
        deployments: DeploymentService,
        tracking: Tracking,
    ) -> None:
        self._registry = registry
        self._jobs = jobs
        self._packaging = packaging
        self._deployments = deployments
        self._tracking = tracking

    def of(self, principal: Principal, name: str, number: int) -> Lineage:
        """The way of one version.

        Raises:
            NotFound: code `version_not_found`.
        """
        version = self._registry.version(principal, name, number)
        job = self._job(principal, version)
        return Lineage(
            version=version,
            retrained_as=self._registry.children_of(version, limit=_MOST),
            job=job,
            script_sha256=version.provenance.script_sha256 or _script_of(job),
            run=self._run(version),
            bundle=self._bundle(version),
            deployments=self._deployments_of(principal, version),
        )

    def versions(self, principal: Principal, origin: Origin) -> Sequence[Version]:
        """The versions that came of something, newest first; at most 200.

        Raises:
            Invalid: code `origin_invalid`, when not exactly one thing is named.
        """
        given = [value for value in (origin.run_id, origin.job_id, origin.script_sha256, origin.deployment_id) if value]
        if len(given) != 1:
            raise Invalid(
                f"expected exactly one of run_id, job_id, script_sha256 and deployment_id, got {len(given)}",
                code="origin_invalid",
                field="run_id",
            )
        if origin.deployment_id is not None:
            return self._deployed(principal, origin.deployment_id)
        if origin.script_sha256 is not None:
            return self._registry.versions_from(principal, script_sha256=origin.script_sha256, limit=_MOST)
        if origin.run_id is not None:
            return self._registry.versions_from(principal, run_id=origin.run_id, limit=_MOST)
        return self._registry.versions_from(principal, job_id=origin.job_id, limit=_MOST)

    def _deployed(self, principal: Principal, deployment_id: str) -> Sequence[Version]:
        if not principal.may(Permission.DEPLOYMENTS_READ):
            return []
        try:
            deployment = self._deployments.get(principal, deployment_id)
            return [self._registry.version(principal, deployment.model_name, deployment.version)]
        except NotFound:
            return []

    def _job(self, principal: Principal, version: Version) -> Job | None:
        if version.job_id is None or not principal.may(Permission.JOBS_READ):
            return None
        try:
            return self._jobs.get(principal, version.job_id)
        except NotFound:
            return None

    def _run(self, version: Version) -> TrackedRun | None:
        if version.run_id is None:
            return None
        try:
            return self._tracking.run(version.run_id)
        except (NotFound, Unavailable):
            return None

    def _bundle(self, version: Version) -> Bundle | None:
        try:
            return self._packaging.bundle(version)
        except NotFound:
            return None

    def _deployments_of(self, principal: Principal, version: Version) -> Sequence[Deployment]:
        if not principal.may(Permission.DEPLOYMENTS_READ):
            return []
        found: list[Deployment] = []
        for status in (None, DeploymentStatus.STOPPED):
            page = self._deployments.page(principal, model_name=version.model_name, status=status, limit=_MOST)
            found += [each for each in page.items if each.version == version.version]
        return sorted(found, key=lambda each: each.created_at, reverse=True)


def _script_of(job: Job | None) -> str | None:
    if job is None or job.kind not in TRAINING_KINDS:
        return None
    return script_sha256(job)
