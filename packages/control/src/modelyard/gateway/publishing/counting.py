"""Keeps what nodes of the gateway have counted of each deployment's requests since their Envoy started."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from modelyard.db import Database
from modelyard.db.statements import insert_new
from modelyard.gateway.publishing.tables import gateway_counters
from modelyard.gateway_node.comparer import ComparisonCounters, Example
from modelyard.gateway_node.counters import BackendCounters, NodeCounts
from modelyard.ports.clock import Clock

_KEPT = timedelta(minutes=10)
"""How long the counters of a node that is gone are kept."""


class Counting:
    """The last counters of each node."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note(
        self, node: str, counters: Sequence[BackendCounters], comparisons: Sequence[ComparisonCounters] = ()
    ) -> None:
        """Keep what a node has counted and compared by now, in place of what it said before."""
        now = self._clock.now()
        content = {
            "counters": [asdict(each) for each in counters],
            "comparisons": [asdict(each) for each in comparisons],
        }
        values = {"counters": content, "seen_at": now}
        with self._database.write() as connection:
            if not insert_new(connection, gateway_counters, node=node, **values):
                connection.execute(update(gateway_counters).where(gateway_counters.c.node == node).values(**values))
            connection.execute(delete(gateway_counters).where(gateway_counters.c.seen_at < now - _KEPT))

    def by_node(self) -> Mapping[str, NodeCounts]:
        """What each node has counted."""
        with self._database.read() as connection:
            rows = connection.execute(select(gateway_counters.c.node, gateway_counters.c.counters)).all()
        return {row.node: _counts(row.counters) for row in rows}


def _counts(content: Mapping[str, Any]) -> NodeCounts:
    return NodeCounts(
        counters=[
            BackendCounters(**{**each, "slower": tuple((float(ms), int(count)) for ms, count in each["slower"])})
            for each in content["counters"]
        ],
        comparisons=[
            ComparisonCounters(**{**each, "examples": tuple(Example(**one) for one in each["examples"])})
            for each in content["comparisons"]
        ],
    )
