"""Puts the publishing side of the gateway together: what compiles its configuration, and what its nodes ask."""

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from modelyard.gateway.compile import GatewayState
from modelyard.gateway.configuration import configuration_of
from modelyard.gateway.publishing.addresses import https_port
from modelyard.gateway.publishing.counting import Counting
from modelyard.gateway.publishing.model_access import needs_subscription
from modelyard.gateway.publishing.refusals import Refusals
from modelyard.gateway.publishing.routes import node_routes, status_route
from modelyard.gateway.publishing.service import Publisher, Publishing
from modelyard.gateway.state_reader import GatewayStateReader, Resolve
from modelyard.gateway.table import Access
from modelyard.gateway_node import Configuration
from modelyard.http.routing import APIRouter
from modelyard.main.context import Context
from modelyard.main.deployments import DeploymentParts
from modelyard.subscriptions.access_tables import AccessTables
from modelyard.traffic.service import TrafficService

PUBLISH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a configuration is compiled from."""

    state: GatewayState
    access: Hashable
    """Another one whenever the table of subscriptions is."""
    https_port: int | None
    gateways: int


class PublishingParts:
    """Publishing, and its surface `/api/v1/gateway/status` and `/api/v1/gateway/nodes`."""

    def __init__(
        self,
        context: Context,
        deployment_parts: DeploymentParts,
        traffic: TrafficService,
        *,
        resolve: Resolve,
        publishing: Publishing,
        access_tables: AccessTables,
        stopping: threading.Event,
        counting: Counting,
    ) -> None:
        self._settings = context.settings
        self._stopping = stopping
        self._counting = counting
        self._access_tables = access_tables
        self.publishing = publishing
        self.states = GatewayStateReader(
            database=context.database,
            clock=context.clock,
            deployments=deployment_parts.deployments,
            targets=deployment_parts.targets,
            traffic=traffic,
            resolve=resolve,
            model_access=self._model_access,
        )
        self.refusals = Refusals(database=context.database, clock=context.clock, audit=context.audit)
        self.publisher = Publisher(self.publishing, read_facts=self._facts, compile_configuration=self._compile)

    def routes(self) -> Sequence[APIRouter]:
        """The status, and the requests of nodes."""
        return [
            status_route(self.publishing, self.refusals, url=self._settings.gateway.url),
            node_routes(self.publishing, self.refusals, self._counting, is_stopping=self._stopping.is_set),
        ]

    def _facts(self) -> _Facts:
        nodes = self.publishing.status().nodes
        return _Facts(
            state=self.states.read(),
            access=self._access_tables.fingerprint(),
            https_port=https_port(self._settings.gateway.url, nodes),
            gateways=max(1, len(nodes)),
        )

    def _model_access(self) -> Access:
        nodes = self.publishing.status().nodes
        return Access(needs_subscription(self._settings.gateway.access, self._settings.gateway_node, nodes))

    def _compile(self, facts: _Facts) -> Configuration:
        return configuration_of(
            facts.state, access=self._access_tables.table(), https_port=facts.https_port, gateways=facts.gateways
        )
