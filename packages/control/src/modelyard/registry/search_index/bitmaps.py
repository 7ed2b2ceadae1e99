"""Maintains the bitmaps that a search for tags intersects (docs/decisions/0303-tags-are-sets-of-numbers.md).

A slot stands for 64 versions of one model that follow each other, and is its model's for ever: none is given up, or
given to another one. A page of a tag's set covers 1,024 slots: of each, which versions have the tag, and whether the
model has it itself, in the slots of later versions too. Each stage has a set as well. The set LIVING has the versions
that are not deleted; in the other sets deleted ones stay.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from modelyard.audit.service import lock_chain
from modelyard.registry.tables import model_tags, search_sets, search_slots

LIVING = "living"
"""Stands where the others have a tag's digest, which is longer."""
VERSION_BITS, SLOT_BITS = 6, 10
_BATCH = 200


class Kind(StrEnum):
    """What the numbers on a page are."""

    VERSION = "version"
    """The slot's number on the page, and above its bits the version's in the slot: so one may be had of the other."""
    MODEL = "model"
    """The slot's number on the page."""


class Page(NamedTuple):
    """The key of a part of a set, whose row is 8 KiB at most: what a writer reads and writes of it."""

    digest: str
    kind: Kind
    number: int


class Place(NamedTuple):
    """Where a version, or a slot's model, stands in every set."""

    page: int
    number: int


def block_of(version: int) -> int:
    """Which of its model's slots a version is in, from 0."""
    return version >> VERSION_BITS


def place_of(slot: int, version: int) -> Place:
    """Where a version stands, given the slot of its block."""
    page, number = divmod(slot, 1 << SLOT_BITS)
    return Place(page, (version % (1 << VERSION_BITS) << SLOT_BITS) + number)


def place_of_model(slot: int) -> Place:
    """Where the model of a slot stands."""
    return Place(*divmod(slot, 1 << SLOT_BITS))


def written(numbers: BitMap) -> bytes:
    """A page as its row stores it."""
    numbers.run_optimize()
    data: bytes = numbers.serialize()
    return data


def retag_model(
    connection: Connection, tenant_id: str, name: str, *, gone: Collection[str], new: Collection[str]
) -> None:
    """The model itself has no longer the first tags, by their digests, and has the others now."""
    if not gone and not new:
        return
    change = _Change(connection, tenant_id)
    change.slot(name, 0)
    mine = (search_slots.c.tenant_id == tenant_id) & (search_slots.c.model_name == name)
    for slot in connection.execute(select(search_slots.c.slot).where(mine)).scalars():
        for digest in gone:
            change.discard(digest, Kind.MODEL, place_of_model(slot))
        for digest in new:
            change.add(digest, Kind.MODEL, place_of_model(slot))
    change.write()


def move_version(
    connection: Connection, tenant_id: str, name: str, version: int, *, gone: Collection[str], new: Collection[str]
) -> None:
    """A version that is not deleted is no longer in the first sets, and is in the others now."""
    change = _Change(connection, tenant_id)
    place = place_of(change.slot(name, block_of(version)), version)
    for digest in (LIVING, *new):
        change.add(digest, Kind.VERSION, place)
    for digest in gone:
        change.discard(digest, Kind.VERSION, place)
    change.write()


def delete_versions(connection: Connection, tenant_id: str, name: str, versions: Collection[int]) -> None:
    """These versions are deleted: no search finds them any more."""
    change = _Change(connection, tenant_id)
    slots = {block: change.slot(name, block) for block in {block_of(version) for version in versions}}
    for version in versions:
        change.discard(LIVING, Kind.VERSION, place_of(slots[block_of(version)], version))
    change.write()


def restore_version(connection: Connection, tenant_id: str, name: str, version: int) -> None:
    """The version is not deleted any more."""
    move_version(connection, tenant_id, name, version, gone=(), new=())


class _Change:
    """Numbers that leave sets of a tenant and join them. Nobody else changes these until the transaction ends."""

    def __init__(self, connection: Connection, tenant_id: str) -> None:
        lock_chain(connection, tenant_id)
        self._connection = connection
        self._tenant_id = tenant_id
        self._gone: defaultdict[Page, BitMap] = defaultdict(BitMap)
        self._new: defaultdict[Page, BitMap] = defaultdict(BitMap)

    def add(self, digest: str, kind: Kind, place: Place) -> None:
        """It joins the set."""
        self._new[Page(digest, kind, place.page)].add(place.number)

    def discard(self, digest: str, kind: Kind, place: Place) -> None:
        """It leaves the set."""
        self._gone[Page(digest, kind, place.page)].add(place.number)

    def slot(self, name: str, block: int) -> int:
        """The slot of a block of the model's versions; a new one is in the sets of the model's own tags."""
        of_tenant = search_slots.c.tenant_id == self._tenant_id
        mine = of_tenant & (search_slots.c.model_name == name) & (search_slots.c.block == block)
        found: int | None = self._connection.execute(select(search_slots.c.slot).where(mine)).scalar()
        if found is not None:
            return found
        last = self._connection.execute(select(func.max(search_slots.c.slot)).where(of_tenant)).scalar()
        slot = 0 if last is None else last + 1
        row = {"tenant_id": self._tenant_id, "slot": slot, "model_name": name, "block": block}
        self._connection.execute(insert(search_slots).values(row))
        own = (model_tags.c.tenant_id == self._tenant_id) & (model_tags.c.model_name == name)
        for digest in self._connection.execute(select(model_tags.c.digest).where(own)).scalars():
            self.add(digest, Kind.MODEL, place_of_model(slot))
        return slot

    def write(self) -> None:
        """Read the pages that change, and write them."""
        keys = sorted(self._gone.keys() | self._new.keys())
        for begin in range(0, len(keys), _BATCH):
            batch = keys[begin : begin + _BATCH]
            there = self._read(batch)
            after = {key: there.get(key, _NONE) - self._gone.get(key, _NONE) for key in batch}
            after = {key: numbers | self._new.get(key, _NONE) for key, numbers in after.items()}
            self._put({key: numbers for key, numbers in after.items() if numbers != there.get(key, _NONE)})

    def _read(self, keys: list[Page]) -> dict[Page, BitMap]:
        """Also pages of the same sets that are not asked for: SQLite looks up each column, but no tuples of them."""
        query = select(search_sets.c.digest, search_sets.c.kind, search_sets.c.page, search_sets.c.members).where(
            search_sets.c.tenant_id == self._tenant_id,
            search_sets.c.digest.in_({key.digest for key in keys}),
            search_sets.c.kind.in_({key.kind for key in keys}),
            search_sets.c.page.in_({key.number for key in keys}),
        )
        rows = self._connection.execute(query)
        return {Page(digest, Kind(kind), page): BitMap.deserialize(members) for digest, kind, page, members in rows}

    def _put(self, pages: Mapping[Page, BitMap]) -> None:
        rows: list[dict[str, Any]] = [
            {"tenant_id": self._tenant_id, **_columns(key), "members": written(numbers)}
            for key, numbers in pages.items()
            if numbers
        ]
        if rows:
            add = (sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert)(search_sets)
            replaced = {"members": add.excluded.members}
            self._connection.execute(add.on_conflict_do_update(index_elements=_KEY, set_=replaced), rows)
        for key in (key for key, numbers in pages.items() if not numbers):
            is_it = (search_sets.c[name] == value for name, value in _columns(key).items())
            self._connection.execute(delete(search_sets).where(search_sets.c.tenant_id == self._tenant_id, *is_it))


_NONE = BitMap()
_KEY = list(search_sets.primary_key)


def _columns(key: Page) -> dict[str, Any]:
    return {"digest": key.digest, "kind": key.kind, "page": key.number}
