"""Which models are in some sets, of tags or of a stage: their bitmaps (search_index/bitmaps.py) are read in one query
and intersected in memory.

The search is a generator: it yields a statement with its parameters and is sent the rows. So the same search runs in a
transaction of a thread and on the event loop.
"""

import sys
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyroaring import BitMap
from sqlalchemy import BindParameter, Integer, Select, String, bindparam, select

from modelyard.registry.search_index.bitmaps import LIVING, SLOT_BITS, VERSION_BITS, Kind, Page
from modelyard.registry.tables import search_sets, search_slots

TENANT: BindParameter[str] = bindparam("tenant_id", type_=String)
Query = tuple[Select[Any], Mapping[str, Any]]
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Tagged:
    """The models that are in all of some sets, themselves or by one living version; also ones that are deleted."""

    names: frozenset[str]
    rarest_first: Sequence[str]
    """The sets' digests."""
    share: float
    """How many these are of all models that there ever were."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The slots of a tenant, from the first one on."""

    names: Sequence[str]
    models: int


class SlotNames:
    """Remembers whose each slot is. That never changes, so only the slots that are new are read."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def of(self, tenant_id: str, highest: int) -> Generator[Query, Rows, _Known]:
        """The names of the tenant's models by slot, at least up to this one."""
        known = self._known.get(tenant_id, _Known((), 0))
        if highest >= len(known.names):
            rows = yield _slots(), {"tenant_id": tenant_id, "begin": len(known.names)}
            names = [*known.names, *(sys.intern(row["model_name"]) for row in rows)]
            known = self._known[tenant_id] = _Known(names, len(set(names)))
        return known


def tagged(slots: SlotNames, tenant_id: str, digests: Sequence[str]) -> Generator[Query, Rows, Tagged | None]:
    """Who is in all of the sets with these digests; None if nobody is."""
    words = {f"digest_{place}": digest for place, digest in enumerate([LIVING, *digests])}
    sets = {
        Page(row["digest"], Kind(row["kind"]), row["page"]): BitMap.deserialize(row["members"])
        for row in (yield _sets(len(words)), {"tenant_id": tenant_id, **words})
    }
    found = [
        (page << SLOT_BITS) + number
        for page in sorted({key.number for key in sets})
        for number in _slots_with(digests, page, sets)
    ]
    if not found:
        return None
    known = yield from slots.of(tenant_id, found[-1])
    names = frozenset(known.names[slot] for slot in found)
    counts = Counter[str]()
    for key, numbers in sets.items():
        counts[key.digest] += len(numbers) << (VERSION_BITS if key.kind is Kind.MODEL else 0)
    return Tagged(names, sorted(digests, key=counts.__getitem__), len(names) / known.models)


def _slots_with(digests: Sequence[str], page: int, sets: Mapping[Page, BitMap]) -> Sequence[int]:
    """The slots on a page whose model is in all of the sets itself, or together with one version in the slot."""
    of_models = [sets.get(Page(digest, Kind.MODEL, page), _NONE) for digest in digests]
    of_versions = [sets.get(Page(digest, Kind.VERSION, page), _NONE) for digest in (LIVING, *digests)]
    if not all(of_model or of_version for of_model, of_version in zip(of_models, of_versions[1:], strict=True)):
        return ()
    own = BitMap.intersection(*of_models)
    if not any(of_versions[1:]):
        return own.to_array()
    had = [
        of_version | _all_versions_of(of_model) if of_model else of_version
        for of_model, of_version in zip([_NONE, *of_models], of_versions, strict=True)
    ]
    return (_slots_of(BitMap.intersection(*had)) | own).to_array()


def _all_versions_of(slots: BitMap) -> BitMap:
    """Versions and slots as they are numbered in sets of versions."""
    found = slots
    for bits in range(SLOT_BITS, SLOT_BITS + VERSION_BITS):
        found = found | found.shift(1 << bits)
    return found


def _slots_of(versions: BitMap) -> BitMap:
    """The slots alone: the half of the versions with the higher numbers is laid over the other, until one is left."""
    found = versions
    for bits in reversed(range(SLOT_BITS, SLOT_BITS + VERSION_BITS)):
        found = (found | found.shift(-1 << bits)) & _BELOW[bits]
    return found


_NONE = BitMap()
_BELOW = {bits: BitMap(range(1 << bits)) for bits in range(SLOT_BITS, SLOT_BITS + VERSION_BITS)}


@cache
def _sets(count: int) -> Select[Any]:
    digests = [bindparam(f"digest_{place}", type_=String) for place in range(count)]
    mine = (search_sets.c.tenant_id == TENANT) & search_sets.c.digest.in_(digests)
    return select(search_sets.c.digest, search_sets.c.kind, search_sets.c.page, search_sets.c.members).where(mine)


@cache
def _slots() -> Select[Any]:
    new = (search_slots.c.tenant_id == TENANT) & (search_slots.c.slot >= bindparam("begin", type_=Integer))
    return select(search_slots.c.model_name).where(new).order_by(search_slots.c.slot)
