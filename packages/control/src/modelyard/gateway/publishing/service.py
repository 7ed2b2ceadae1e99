"""Publishes the configuration of the gateway whenever it changes, and keeps what its nodes say of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

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
_Facts = TypeVar("_Facts")


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """The newest configuration, and the nodes that are live."""

    state: PublicationState
    newest: Publication | None
    nodes: tuple[GatewayNode, ...]


class Publishing:
    """Publications and nodes. One for each control plane."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

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

    def known_nodes(self) -> Sequence[GatewayNode]:
        """The nodes that are live; when none is, those that are expected back: none has said that it stops."""
        now = self._clock.now()
        with self._database.read() as connection:
            every = store.nodes(connection)
        live = [node for node in every if node.is_live(now)]
        return live or [node for node in every if node.is_serving and now - node.seen_at < _KEPT_NODES]

    def status(self) -> GatewayStatus:
        """How far the newest configuration has come."""
        now = self._clock.now()
        with self._database.read() as connection:
            newest, every = store.newest(connection), store.nodes(connection)
        live = tuple(node for node in every if node.is_live(now))
        return GatewayStatus(state_of(newest, live), newest, live)


class Publisher(Generic[_Facts]):
    """Publishes a configuration whenever what it is compiled from has changed.

    Args:
        read_facts: what it is compiled from; equal as long as nothing has changed.
        compile_configuration: what the gateway shall run by these.
    """

    def __init__(
        self,
        publishing: Publishing,
        *,
        read_facts: Callable[[], _Facts],
        compile_configuration: Callable[[_Facts], Configuration],
    ) -> None:
        self._publishing = publishing
        self._read_facts = read_facts
        self._compile = compile_configuration
        self._published: _Facts | None = None

    def make_pass(self) -> bool:
        """Publish what has changed. Nothing more is to be done before the next pass."""
        facts = self._read_facts()
        if facts != self._published:
            self._publishing.publish(self._compile(facts))
            self._published = facts
        return False
