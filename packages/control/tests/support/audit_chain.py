"""What it means for an audit chain to hold, said apart from the code that makes it."""

from collections.abc import Sequence
from dataclasses import asdict

from modelyard.audit.domain import GENESIS, Entry, entry_hash


def assert_chain_holds(entries: Sequence[Entry]) -> None:
    """Every entry's hash is over its own fields and the entry before; no number is missing."""
    previous = GENESIS
    for sequence, entry in enumerate(entries, start=1):
        fields = asdict(entry)
        assert fields.pop("hash") == entry_hash(**fields)
        assert (entry.sequence, entry.previous_hash) == (sequence, previous)
        previous = entry.hash
