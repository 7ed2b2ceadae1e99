"""Draws up the plan of a deletion, and says what stops it. It changes nothing."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.deletion.domain import (
    MOST_NAMED,
    Blocker,
    Blockers,
    DeleteMode,
    Kept,
    Kind,
    Piece,
    Plan,
    Sources,
    Subject,
    Tally,
    stage_blocker,
    used_by,
)
from modelyard.deletion.images import Image, Images
from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.errors import NotFound, Unavailable
from modelyard.holds.service import HoldService
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.principals import Principal
from modelyard.promotion.service import PromotionService
from modelyard.registry import deletion_store
from modelyard.registry.deletion_store import Shares, Source
from modelyard.registry.domain import Version

RUN, EXPERIMENT, FILES = Source
_KINDS = {RUN: Kind.RUN, EXPERIMENT: Kind.EXPERIMENT, FILES: Kind.ARTIFACTS}


BoundApis = Callable[[Connection, Subject], Sequence[str]]
"""The ids of APIs of the gateway that lead to what shall go."""


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
        bound_apis: BoundApis,
    ) -> None:
        self._bound_apis = bound_apis
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
            revision = self.revision(connection, subject)
            first = deletion_store.living(connection, *_place(subject), most=MOST_NAMED)
            mirror_name = deletion_store.mirror_name(connection, subject.tenant_id, subject.model_name)
            count = deletion_store.count_living(connection, *_place(subject))
            deployments = self._deployments.of_version(connection, principal, subject.model_name, subject.version)
            blockers = self.blockers(connection, subject)
            shared = {source: self._shares(connection, source, subject, mode) for source in Source}
            lone = (
                ([], 0, 0)
                if mode is DeleteMode.NOTHING
                else deletion_store.lone_files(connection, *_place(subject), most=MOST_NAMED)
            )
        if not undeploys:
            blockers += self.deployed(deployments)
        gone, staying = self._experiments(first, shared)
        groups = [
            _named(Kind.DEPLOYMENT, [_deployment(one) for one in deployments], len(deployments)),
            self._built(subject, first),
            _named(Kind.VERSION, [_version(one) for one in first], count),
            _named(Kind.MODEL, [] if subject.version is not None else [Piece(Kind.MODEL, subject.model_name, None)]),
            _named(*_mirrored(mirror_name, first, count, mode)),
            _named(Kind.RUN, [Piece(Kind.RUN, one, None) for one in shared[RUN].gone], shared[RUN].gone_count),
            _named(Kind.EXPERIMENT, gone, shared[EXPERIMENT].gone_count - len(staying)),
            _artifacts(*lone),
        ]
        kept = [
            Kept(_KINDS[source], name, used_by(user, subject.tenant_id))
            for source in Source
            for name, user in shared[source].used.items()
        ]
        return Plan(
            subject=subject,
            revision=revision,
            mode=mode,
            removes=[piece for pieces, _ in groups for piece in pieces],
            tallies=[tally for _, tally in groups if tally.count],
            keeps=[*kept, *staying],
            keeps_count=sum(one.used_count for one in shared.values()) + len(staying),
            blockers=blockers,
            purge_after=self._clock.now() + self._grace,
        )

    @staticmethod
    def revision(connection: Connection, subject: Subject, *, holds: bool = False) -> int:
        """The revision of what there is to delete; if wanted, nobody else changes it until the transaction ends.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        read = deletion_store.lock_revision if holds else deletion_store.revision
        found = read(connection, *_place(subject))
        if found is not None:
            return found
        if not deletion_store.is_living_model(connection, subject.tenant_id, subject.model_name):
            raise NotFound(f"there is no model '{subject.model_name}'", code="model_not_found")
        raise NotFound(f"model '{subject.model_name}' has no version {subject.version}", code="version_not_found")

    def blockers(self, connection: Connection, subject: Subject, *, job_id: str | None = None) -> Blockers:
        """What stops it now; `job_id` is the deletion's own job once there is one."""
        live = deletion_store.in_production(connection, *_place(subject))
        found = [] if live is None else [stage_blocker(live)]
        for hold in self._holds.active_within(connection, subject.tenant_id, subject.model_name, subject.version):
            until = "" if hold.until is None else f" until {hold.until:%Y-%m-%d %H:%M} UTC"
            message = f"a retention hold of {hold.put_by} lies on version {hold.version}{until}: {hold.reason}"
            found.append(Blocker("retention_hold", hold.version, message))
        for request in self._promotion.open_within(connection, subject.tenant_id, subject.model_name):
            if subject.version in {None, request.version}:
                message = f"{request.requested_by}'s request for version {request.version} to go to production is open"
                found.append(Blocker("promotion_requested", request.version, message))
        found += [
            Blocker("api_bound", None, f"the current revision of the API '{api_id}' leads to it")
            for api_id in self._bound_apis(connection, subject)
        ]
        leavers, count = deletion_store.leaving_otherwise(connection, *_place(subject), job_id=job_id, most=MOST_NAMED)
        going = [
            Blocker("deletion_under_way", one.version, f"job '{one.deletion_job_id}' deletes version {one.version}")
            for one in leavers
        ]
        return Blockers(found[:MOST_NAMED], len(found)) + Blockers(going, count)

    @staticmethod
    def deployed(deployments: Sequence[Deployment]) -> Blockers:
        """What stops it when nothing shall be undeployed."""
        return Blockers([_deployed(deployment) for deployment in deployments[:MOST_NAMED]], len(deployments))

    @staticmethod
    def sources(connection: Connection, versions: Sequence[Version], mode: DeleteMode) -> Sources:
        """What the mode takes from the tracker of some versions of one model: what no other version at all uses."""
        if mode is DeleteMode.NOTHING:
            return Sources(frozenset(), frozenset())
        runs = {version.run_id for version in versions if version.run_id is not None}
        experiments = {version.experiment_name for version in versions if version.experiment_name is not None}
        if mode is not DeleteMode.DELETE_RUN_AND_EXPERIMENT_IF_NO_MORE:
            experiments = set()
        return Sources(
            frozenset(runs - deletion_store.in_use(connection, RUN, runs, besides=versions)),
            frozenset(experiments - deletion_store.in_use(connection, EXPERIMENT, experiments, besides=versions)),
        )

    @staticmethod
    def _shares(connection: Connection, source: Source, subject: Subject, mode: DeleteMode) -> Shares:
        is_taken = mode is not DeleteMode.NOTHING
        if source is EXPERIMENT:
            is_taken = mode is DeleteMode.DELETE_RUN_AND_EXPERIMENT_IF_NO_MORE
        if not is_taken:
            return Shares([], 0, {}, 0)
        return deletion_store.shares(connection, source, *_place(subject), most=MOST_NAMED)

    def _experiments(self, first: Sequence[Version], shared: Mapping[Source, Shares]) -> tuple[list[Piece], list[Kept]]:
        """Which experiments hold nothing else that is alive, as far as the tracker can tell now."""
        gone: list[Piece] = []
        staying: list[Kept] = []
        run_of = {one.experiment_name: one.run_id for one in first}
        runs = shared[RUN]
        for name in shared[EXPERIMENT].gone:
            if runs.gone_count > len(runs.gone) or name not in run_of:
                detail = "if nothing else is alive in it, which is not asked for so many versions"
                gone.append(Piece(Kind.EXPERIMENT, name, None, detail))
                continue
            try:
                other = self._other(run_of[name], runs.gone)
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

    def _built(self, subject: Subject, first: Sequence[Version]) -> tuple[list[Piece], Tally]:
        if subject.version is not None:
            found = [(one.version, image) for one in first for place in self._images for image in place.built(one)]
            return _named(Kind.IMAGE, [_image(*one) for one in found])
        tenant_id, name = subject.tenant_id, subject.model_name
        found = [one for place in self._images for one in place.of_model(tenant_id, name, most=MOST_NAMED)]
        return _named(
            Kind.IMAGE, [_image(*one) for one in found], sum(place.count(tenant_id, name) for place in self._images)
        )


def _place(subject: Subject) -> tuple[str, str, int | None]:
    return subject.tenant_id, subject.model_name, subject.version


def _named(kind: Kind, pieces: Sequence[Piece], count: int | None = None) -> tuple[list[Piece], Tally]:
    """The first pieces, and how much there is of them and of those that are not named."""
    return list(pieces[:MOST_NAMED]), Tally(
        kind, len(pieces) if count is None else count, sum(piece.size or 0 for piece in pieces)
    )


def _image(number: int, image: Image) -> Piece:
    return Piece(Kind.IMAGE, image.name, number, size=image.size)


def _mirrored(
    mirror_name: str, first: Sequence[Version], count: int, mode: DeleteMode
) -> tuple[Kind, list[Piece], int]:
    if mode is DeleteMode.NOTHING:
        return Kind.REGISTERED_VERSION, [], 0
    return Kind.REGISTERED_VERSION, [_registered(mirror_name, version) for version in first], count


def _deployment(deployment: Deployment) -> Piece:
    where = "" if deployment.url is None else f" at {deployment.url}"
    return Piece(Kind.DEPLOYMENT, deployment.deployment_id, deployment.version, f"{deployment.status}{where}")


def _deployed(deployment: Deployment) -> Blocker:
    message = f"version {deployment.version} is deployed as '{deployment.deployment_id}', and shall not be undeployed"
    return Blocker("deployed", deployment.version, message)


def _version(version: Version) -> Piece:
    return Piece(Kind.VERSION, version.model_name, version.version, f"stage {version.stage}")


def _registered(mirror_name: str, version: Version) -> Piece:
    return Piece(Kind.REGISTERED_VERSION, mirror_name, version.version, "in MLflow's registry")


def _artifacts(first: Sequence[Version], count: int, size: int) -> tuple[list[Piece], Tally]:
    pieces = [Piece(Kind.ARTIFACTS, one.model_uri, one.version, "when it is purged", one.size) for one in first]
    return pieces, Tally(Kind.ARTIFACTS, count, size)
