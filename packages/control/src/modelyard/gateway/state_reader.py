"""Reads everything that the route table is compiled from, of all tenants, as it is now."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from modelyard.access.tenants import live_tenants
from modelyard.db import Database
from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.targets import Targets
from modelyard.gateway import release_store, store
from modelyard.gateway.compile import Compared, Copies, DeployedVersion, GatewayState, ModelStages, Share, TrafficSplit
from modelyard.gateway.table import Access, Endpoint, Sticky, StickyBy
from modelyard.ports.clock import Clock
from modelyard.ports.target import TakesGrpc
from modelyard.principals import FIRST_TENANT
from modelyard.registry.domain import StagedVersion
from modelyard.registry.stages import versions_in_stages
from modelyard.registry.states import Stage
from modelyard.traffic.domain import Traffic
from modelyard.traffic.service import TrafficService

_GRAIN = timedelta(seconds=10)
"""Of the time in a state, so that two states of one moment are equal. Dates of APIs hold that much later."""

Resolve = Callable[[Collection[str]], Mapping[str, Sequence[Endpoint]]]
"""Where service URLs lead: addresses that the gateway may call."""


class GatewayStateReader:
    """Reads states.

    Args:
        model_access: who may call stable addresses of models now.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        deployments: DeploymentService,
        targets: Targets,
        traffic: TrafficService,
        resolve: Resolve,
        model_access: Callable[[], Access],
    ) -> None:
        self._database = database
        self._clock = clock
        self._deployments = deployments
        self._targets = targets
        self._traffic = traffic
        self._resolve = resolve
        self._model_access = model_access

    def read(self) -> GatewayState:
        """The state. Two are equal when nothing has changed between them."""
        with self._database.read() as connection:
            # What a deleted tenant made stays, and leads nowhere.
            live = live_tenants(connection) | {FIRST_TENANT}
            apis = [each for each in store.every_api(connection) if each.tenant_id in live]
            revisions = [each for each in release_store.every_revision(connection) if each.tenant_id in live]
            version_sets = [each for each in store.every_version_set(connection) if each.tenant_id in live]
            staged = versions_in_stages(connection)
        urls = {each.target.service_url for each in revisions}
        now = self._clock.now()
        replacing = self._deployments.replacing()
        return GatewayState(
            now=now.replace(microsecond=0, second=now.second - now.second % int(_GRAIN.total_seconds())),
            version_sets=version_sets,
            apis=apis,
            revisions=revisions,
            deployments=[
                replace(self._deployed(each), is_replacing=each.deployment_id in replacing)
                for each in self._deployments.every_wanted()
            ],
            stages=_stages(staged),
            addresses=self._resolve({url for url in urls if url is not None}),
            splits=[_split(each) for each in self._traffic.every()],
            model_access=self._model_access(),
        )

    def _deployed(self, deployment: Deployment) -> DeployedVersion:
        return DeployedVersion(
            deployment_id=deployment.deployment_id,
            tenant_id=deployment.tenant_id,
            model_name=deployment.model_name,
            version=deployment.version,
            address=None if deployment.url is None else self._address(deployment.url, deployment.target),
            is_ready=deployment.ready_replicas > 0,
            created_at=deployment.created_at,
        )

    def _address(self, url: str, target_name: str) -> Endpoint | None:
        parts = urlsplit(url)
        if parts.hostname is None:
            return None
        port = parts.port or 80
        target: object = self._targets.find(target_name)
        takes_grpc = isinstance(target, TakesGrpc) and target.takes_grpc
        return Endpoint(parts.hostname, port, port if takes_grpc else None)


def _stages(staged: Sequence[StagedVersion]) -> Mapping[tuple[str, str], ModelStages]:
    found: dict[tuple[str, str], ModelStages] = defaultdict(ModelStages)
    for each in staged:  # The newest comes last, and counts.
        key = each.tenant_id, each.model_name
        field = "production" if each.stage is Stage.PRODUCTION else "staging"
        found[key] = replace(found[key], **{field: each.version})
    return dict(found)


def _split(traffic: Traffic) -> TrafficSplit:
    split, sticky = traffic.split, traffic.split.sticky
    return TrafficSplit(
        tenant_id=traffic.tenant_id,
        model_name=traffic.model_name,
        shares=tuple(Share(share.version, share.weight) for share in split.shares),
        sticky=None if sticky is None else Sticky(StickyBy(sticky.by), sticky.name, traffic.salt),
        shadow=_copies(traffic),
    )


def _copies(traffic: Traffic) -> Copies | None:
    shadow, name = traffic.split.shadow, traffic.comparison
    if shadow is None:
        return None
    compared = None
    if name is not None and shadow.tolerance is not None:
        compared = Compared(name=name, against=traffic.split.answering, tolerance=shadow.tolerance)
    return Copies(version=shadow.version, percent=shadow.percent, compared=compared)
