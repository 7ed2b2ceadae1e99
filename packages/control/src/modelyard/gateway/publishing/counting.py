"""Keeps what nodes of the gateway have counted of each deployment's requests since their Envoy started."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import delete, select, update

from modelyard.db import Database
from modelyard.db.statements import insert_new
from modelyard.gateway.publishing.tables import gateway_counters
from modelyard.gateway_node.counters import BackendCounters
from modelyard.ports.clock import Clock

_KEPT = timedelta(minutes=10)
"""How long the counters of a node that is gone are kept."""


class Counting:
    """The last counters of each node."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note(self, node: str, counters: Sequence[BackendCounters]) -> None:
        """Keep what a node has counted by now, in place of what it said before."""
        now = self._clock.now()
        values = {"counters": [asdict(each) for each in counters], "seen_at": now}
        with self._database.write() as connection:
            if not insert_new(connection, gateway_counters, node=node, **values):
                connection.execute(update(gateway_counters).where(gateway_counters.c.node == node).values(**values))
            connection.execute(delete(gateway_counters).where(gateway_counters.c.seen_at < now - _KEPT))

    def by_node(self) -> Mapping[str, Sequence[BackendCounters]]:
        """What each node has counted."""
        with self._database.read() as connection:
            rows = connection.execute(select(gateway_counters.c.node, gateway_counters.c.counters)).all()
        return {
            row.node: [
                BackendCounters(**{**each, "slower": tuple((float(ms), int(count)) for ms, count in each["slower"])})
                for each in row.counters
            ]
            for row in rows
        }
