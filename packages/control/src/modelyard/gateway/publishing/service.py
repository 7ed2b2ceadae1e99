"""Publishes the configuration of the gateway whenever it changes, and keeps what its nodes say of it."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from modelyard.db import Database
from modelyard.gateway.publishing import store
from modelyard.gateway.publishing.domain import GatewayNode, Publication, PublicationState, state_of
from modelyard.gateway_node import Configuration
from modelyard.gateway_node.control_plane import NodeReport
from modelyard.ports.clock import Clock

logger = structlog.get_logger()

_KEPT_PUBLICATIONS = 20
_KEPT_NODES = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """The newest configuration, and the nodes that are live."""

    state: PublicationState
    newest: Publication | None
    nodes: tuple[GatewayNode, ...]


class Publishing:
    """One for each control plane.

    Args:
        fingerprint: something that is another one whenever `compile_configuration` may give another configuration.
        compile_configuration: what the gateway shall run now.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        fingerprint: Callable[[], Hashable],
        compile_configuration: Callable[[], Configuration],
    ) -> None:
        self._database = database
        self._clock = clock
        self._fingerprint = fingerprint
        self._compile = compile_configuration
        self._compiled: Hashable = None

    def make_pass(self) -> bool:
        """Publish what has changed. Nothing more is to be done before the next pass."""
        fingerprint = self._fingerprint()
        if fingerprint == self._compiled:
            return False
        self.publish(self._compile())
        self._compiled = fingerprint
        return False

    def publish(self, configuration: Configuration) -> Publication:
        """Make this the newest configuration, unless it is already."""
        now = self._clock.now()
        with self._database.write() as connection:
            newest = store.newest(connection)
            if newest is not None and newest.digest == configuration.digest:
                return newest
            number = 1 if newest is None else newest.number + 1
            publication = Publication(number, configuration.digest, now)
            store.add(connection, publication, content=configuration.text, kept=_KEPT_PUBLICATIONS)
            store.forget_nodes(connection, before=now - _KEPT_NODES)
        logger.info("a configuration of the gateway is published", number=number, digest=configuration.digest)
        return publication

    def newer(self, seen: str | None) -> str | None:
        """The newest configuration as it was written, if it is another one than `seen`."""
        with self._database.read() as connection:
            return store.newest_content(connection, besides=seen)

    def note_report(self, name: str, report: NodeReport) -> None:
        """Keep what a node says of itself."""
        node = GatewayNode(
            name=name,
            running=report.running,
            refused=report.refused,
            reason=report.reason,
            is_serving=report.is_serving,
            host=report.host,
            port=report.port,
            tls_port=report.tls_port,
            envoy_version=report.envoy_version,
            problem=report.problem,
            seen_at=self._clock.now(),
        )
        with self._database.write() as connection:
            store.put_node(connection, node)

    def status(self) -> GatewayStatus:
        """How far the newest configuration has come."""
        now = self._clock.now()
        with self._database.read() as connection:
            newest, every = store.newest(connection), store.nodes(connection)
        live = tuple(node for node in every if node.is_live(now))
        return GatewayStatus(state_of(newest, live), newest, live)
