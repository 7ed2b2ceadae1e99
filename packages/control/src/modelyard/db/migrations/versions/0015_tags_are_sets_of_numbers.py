"""Who has a tag is a set of numbers, which a search intersects with others; made here of the rows that are there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from alembic import op
from pyroaring import BitMap

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_VERSION_BITS, _SLOT_BITS = 6, 10
_BATCH = 5000
_Slots = dict[tuple[str, str, int], int]
"""By tenant, model and block."""

_models = sa.table("models", sa.column("tenant_id"), sa.column("name"))
_versions = sa.table(
    "versions",
    sa.column("tenant_id"),
    sa.column("model_name"),
    sa.column("version"),
    sa.column("deleted_at"),
    sa.column("stage", sa.String),
)
_model_tags = sa.table("model_tags", sa.column("tenant_id"), sa.column("digest"), sa.column("model_name"))
_version_tags = sa.table(
    "version_tags", sa.column("tenant_id"), sa.column("digest"), sa.column("model_name"), sa.column("version")
)


def upgrade() -> None:
    slots = op.create_table(
        "search_slots",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_name", sa.String(length=100), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "model_name"],
            ["models.tenant_id", "models.name"],
            name=op.f("fk_search_slots_tenant_id_model_name_models"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "slot", name=op.f("pk_search_slots")),
    )
    op.create_index("ix_search_slots_model", "search_slots", ["tenant_id", "model_name", "block"], unique=True)
    sets = op.create_table(
        "search_sets",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "digest", "kind", "page", name=op.f("pk_search_sets")),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    given = _give_slots(connection, slots)
    _insert(connection, sets, _of_models(connection, given))
    living = sa.select(_versions.c.tenant_id, sa.literal("living").label("digest"), _versions.c.model_name)
    living = living.add_columns(_versions.c.version).where(_versions.c.deleted_at.is_(None))
    stage = sa.literal("stage:").concat(_versions.c.stage).label("digest")
    stages = sa.select(_versions.c.tenant_id, stage, _versions.c.model_name, _versions.c.version)
    for query in (living, stages, sa.select(_version_tags)):
        _insert(connection, sets, _of_versions(connection, query.order_by("tenant_id", "digest"), given))


def _give_slots(connection: sa.Connection, table: sa.Table) -> _Slots:
    """Every model gets the slot of its first block, and one for each other block that it has versions in."""
    block = _versions.c.version.op(">>")(sa.literal_column(str(_VERSION_BITS)))
    used = sa.select(_versions.c.tenant_id, _versions.c.model_name, block.label("block"))
    first = sa.select(_models.c.tenant_id, _models.c.name, sa.literal_column("0"))
    slots: _Slots = {}
    rows = []
    blocks = connection.execute(sa.union(used, first).order_by("tenant_id", "model_name", "block"))
    for tenant_id, of_tenant in groupby(blocks, key=lambda row: row[0]):
        for slot, (_, name, number) in enumerate(of_tenant):
            slots[tenant_id, name, number] = slot
            rows.append({"tenant_id": tenant_id, "slot": slot, "model_name": name, "block": number})
    _insert(connection, table, rows)
    return slots


def _of_models(connection: sa.Connection, slots: _Slots) -> Iterator[dict[str, Any]]:
    """Pages of the slots whose model has a tag itself."""
    mine: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for (tenant_id, name, _), slot in slots.items():
        mine[tenant_id, name].append(slot)
    pages: defaultdict[tuple[str, str, int], BitMap] = defaultdict(BitMap)
    for tenant_id, digest, name in _all(connection, sa.select(_model_tags)):
        for slot in mine[tenant_id, name]:
            pages[tenant_id, digest, slot >> _SLOT_BITS].add(slot % (1 << _SLOT_BITS))
    for (tenant_id, digest, page), numbers in pages.items():
        yield _row(tenant_id, digest, "model", page, numbers)


def _of_versions(connection: sa.Connection, query: Any, slots: _Slots) -> Iterator[dict[str, Any]]:
    """Pages of the versions in each set, whose rows come after each other."""
    for (tenant_id, digest), rows in groupby(_all(connection, query), key=lambda row: (row[0], row[1])):
        pages: defaultdict[int, list[int]] = defaultdict(list)
        for _, _, name, version in rows:
            slot = slots[tenant_id, name, version >> _VERSION_BITS]
            number = (version % (1 << _VERSION_BITS) << _SLOT_BITS) + slot % (1 << _SLOT_BITS)
            pages[slot >> _SLOT_BITS].append(number)
        for page, numbers in pages.items():
            yield _row(tenant_id, digest, "version", page, BitMap(numbers))


def _row(tenant_id: str, digest: str, kind: str, page: int, numbers: BitMap) -> dict[str, Any]:
    numbers.run_optimize()
    return {"tenant_id": tenant_id, "digest": digest, "kind": kind, "page": page, "members": numbers.serialize()}


def _all(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
    return iter(connection.execute(query.execution_options(yield_per=_BATCH)))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    waiting = iter(rows)
    while batch := list(islice(waiting, _BATCH)):
        connection.execute(sa.insert(table), batch)
