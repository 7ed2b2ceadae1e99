"""Draws up the plan of a deletion, and says what stops it. It changes nothing."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from modelyard.access.domain import Principal
from modelyard.db import Database
from modelyard.deletion.domain import (
    Blocker,
    DeleteMode,
    Kept,
    Kind,
    Piece,
    Plan,
    Sources,
    Subject,
    stage_blocker,
    used_by,
)
from modelyard.deletion.images import Images
from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.errors import NotFound, Unavailable
from modelyard.holds.service import HoldService
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.promotion.service import PromotionService
from modelyard.registry import leaving
from modelyard.registry.domain import Version
from modelyard.registry.mirror_name import mirror_name


class Planner:
    """Asks every noun for what hangs on a version. The tracker is asked outside of any transaction."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        tracking: Tracking,
        deployments: DeploymentService,
        promotion: PromotionService,
        holds: HoldService,
        images: Sequence[Images],
        grace: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tracking = tracking
        self._deployments = deployments
        self._promotion = promotion
        self._holds = holds
        self._images = images
        self._grace = grace

    def plan(self, principal: Principal, subject: Subject, mode: DeleteMode, *, undeploys: bool) -> Plan:
        """Everything that would go, everything that stays although it might go, and everything that stops it.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        with self._database.read() as connection:
            versions = self.subjects(connection, subject)
            deployments = self._deployments.of_version(connection, principal, subject.model_name, subject.version)
            blockers = self.blockers(connection, subject, versions)
            sources = self.sources(connection, versions, mode)
        if not undeploys:
            blockers += self.deployed(deployments)
        gone, staying = self._experiments(versions, sources)
        return Plan(
            subject=subject,
            mode=mode,
            removes=[
                *map(_deployment, deployments),
                *self._built(versions),
                *(_version(version) for version in versions),
                *([Piece(Kind.MODEL, subject.model_name, None)] if subject.version is None else []),
                *(_registered(version) for version in versions if mode is not DeleteMode.NOTHING),
                *(Piece(Kind.RUN, run_id, None) for run_id in sorted(sources.runs)),
                *gone,
                *_artifacts(versions, sources),
            ],
            keeps=[*sources.kept, *staying],
            blockers=blockers,
            purge_after=self._clock.now() + self._grace,
        )

    def subjects(self, connection: Connection, subject: Subject) -> list[Version]:
        """The versions that shall go.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        if not leaving.is_living_model(connection, subject.tenant_id, subject.model_name):
            raise NotFound(f"there is no model '{subject.model_name}'", code="model_not_found")
        versions = leaving.living(connection, subject.tenant_id, subject.model_name, subject.version)
        if not versions and subject.version is not None:
            raise NotFound(f"model '{subject.model_name}' has no version {subject.version}", code="version_not_found")
        return versions

    def blockers(
        self, connection: Connection, subject: Subject, versions: Sequence[Version], *, job_id: str | None = None
    ) -> list[Blocker]:
        """What stops it now; `job_id` is the deletion's own job once there is one."""
        numbers = {version.version for version in versions}
        found = [blocker for version in versions if (blocker := stage_blocker(version)) is not None]
        for hold in self._holds.active_within(connection, subject.tenant_id, subject.model_name, subject.version):
            until = "" if hold.until is None else f" until {hold.until:%Y-%m-%d %H:%M} UTC"
            message = f"a retention hold of {hold.put_by} lies on version {hold.version}{until}: {hold.reason}"
            found.append(Blocker("retention_hold", hold.version, message))
        for request in self._promotion.open_within(connection, subject.tenant_id, subject.model_name):
            if request.version in numbers:
                message = f"{request.requested_by}'s request for version {request.version} to go to production is open"
                found.append(Blocker("promotion_requested", request.version, message))
        found += [
            Blocker("deletion_under_way", one.version, f"job '{one.deletion_job_id}' deletes version {one.version}")
            for one in versions
            if one.deletion_job_id not in {None, job_id}
        ]
        return found

    @staticmethod
    def deployed(deployments: Sequence[Deployment]) -> list[Blocker]:
        """What stops it when nothing shall be undeployed."""
        return [_deployed(deployment) for deployment in deployments]

    def sources(self, connection: Connection, versions: Sequence[Version], mode: DeleteMode) -> Sources:
        """What the mode takes from the tracker; of it, what no other version of any tenant uses, and the rest."""
        if mode is DeleteMode.NOTHING or not versions:
            return Sources(frozenset(), frozenset(), frozenset(), [])
        besides = {version.key for version in versions}
        runs = {version.run_id for version in versions if version.run_id is not None}
        experiments = {version.experiment_name for version in versions if version.experiment_name is not None}
        files = {version.model_uri for version in versions}
        if mode is not DeleteMode.DELETE_RUN_AND_EXPERIMENT_IF_NO_MORE:
            experiments = set()
        runs_in_use = leaving.users_of_runs(connection, runs, besides=besides)
        experiments_in_use = leaving.users_of_experiments(connection, experiments, besides=besides)
        files_in_use = leaving.users_of_files(connection, files, besides=besides)
        in_use = {Kind.RUN: runs_in_use, Kind.EXPERIMENT: experiments_in_use, Kind.ARTIFACTS: files_in_use}
        return Sources(
            frozenset(runs - runs_in_use.keys()),
            frozenset(experiments - experiments_in_use.keys()),
            frozenset(files - files_in_use.keys()),
            [
                Kept(kind, name, used_by(user, versions[0].tenant_id))
                for kind, users in in_use.items()
                for name, user in sorted(users.items())
            ],
        )

    def _experiments(self, versions: Sequence[Version], sources: Sources) -> tuple[list[Piece], list[Kept]]:
        """Which experiments hold nothing else that is alive, as far as the tracker can tell now."""
        gone: list[Piece] = []
        staying: list[Kept] = []
        run_of = {one.experiment_name: one.run_id for one in versions}
        for name in sorted(sources.experiments):
            try:
                other = self._other(run_of[name], sources.runs)
            except Unavailable:
                detail = "if nothing else is alive in it, which the tracker cannot say now"
                gone.append(Piece(Kind.EXPERIMENT, name, None, detail))
                continue
            if other is None:
                gone.append(Piece(Kind.EXPERIMENT, name, None))
            else:
                staying.append(Kept(Kind.EXPERIMENT, name, other))
        return gone, staying

    def _other(self, member: str | None, runs: Collection[str]) -> str | None:
        experiment_id = None if member is None else self._tracking.experiment_of(member)
        return None if experiment_id is None else self._tracking.alive_in_experiment(experiment_id, besides=runs)

    def _built(self, versions: Sequence[Version]) -> list[Piece]:
        return [
            Piece(Kind.IMAGE, image.name, version.version, size=image.size)
            for version in versions
            for place in self._images
            for image in place.built(version)
        ]


def _deployment(deployment: Deployment) -> Piece:
    where = "" if deployment.url is None else f" at {deployment.url}"
    return Piece(Kind.DEPLOYMENT, deployment.deployment_id, deployment.version, f"{deployment.status}{where}")


def _deployed(deployment: Deployment) -> Blocker:
    message = f"version {deployment.version} is deployed as '{deployment.deployment_id}', and shall not be undeployed"
    return Blocker("deployed", deployment.version, message)


def _version(version: Version) -> Piece:
    return Piece(Kind.VERSION, version.model_name, version.version, f"stage {version.stage}")


def _registered(version: Version) -> Piece:
    name = mirror_name(version.tenant_id, version.model_name)
    return Piece(Kind.REGISTERED_VERSION, name, version.version, "in MLflow's registry")


def _artifacts(versions: Sequence[Version], sources: Sources) -> list[Piece]:
    return [
        Piece(Kind.ARTIFACTS, version.model_uri, version.version, "when it is purged", version.size)
        for version in versions
        if version.model_uri in sources.files
    ]
