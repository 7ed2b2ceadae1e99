"""Holds a chain of audit entries against its own hashes."""

from collections.abc import Sequence

from modelyard.audit.domain import Entry, prove


def assert_chain_holds(entries: Sequence[Entry]) -> None:
    """Every entry's hash is over its own fields and the entry before; no number is missing."""
    assert prove(entries).reason is None
