"""Reads and writes links and refusals."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, tuple_, update

from modelyard.db.statements import insert_new
from modelyard.mirror.domain import Link, Refusal
from modelyard.mirror.tables import mirror_links, mirror_refusals
from modelyard.ports.registered_models import ShownVersion

_links, _refusals = mirror_links.c, mirror_refusals.c


def link_of(connection: Connection, tenant_id: str, model_name: str, version: int) -> Link | None:
    """The link of one of our versions."""
    query = select(mirror_links).where(_is_ours(tenant_id, model_name), _links.version == version)
    row = connection.execute(query).first()
    return None if row is None else _link(row)


def linked(connection: Connection, tenant_id: str, model_name: str, versions: Sequence[int]) -> set[int]:
    """Which of our versions have a link."""
    query = select(_links.version).where(_is_ours(tenant_id, model_name), _links.version.in_(versions))
    return set(connection.execute(query).scalars())


def link_at(connection: Connection, shown: ShownVersion) -> Link | None:
    """The link of one of the tracker's versions."""
    query = select(mirror_links).where(
        _links.tracker_name == shown.name,
        _links.tracker_version == shown.number,
        _links.made_at == shown.made_at,
    )
    row = connection.execute(query).first()
    return None if row is None else _link(row)


def links_at(connection: Connection, tracker_name: str, numbers: Sequence[int]) -> list[Link]:
    """The links to these numbers of the tracker's, also to versions that had them before."""
    query = select(mirror_links).where(_links.tracker_name == tracker_name, _links.tracker_version.in_(numbers))
    return [_link(row) for row in connection.execute(query)]


def links_between(
    connection: Connection, tracker_name: str, *, after: tuple[int, int], last: int | None, limit: int
) -> list[Link]:
    """Links by the tracker's numbers (and times of making), from behind one up to and with another number."""
    query = select(mirror_links).where(
        _links.tracker_name == tracker_name, tuple_(_links.tracker_version, _links.made_at) > tuple_(*after)
    )
    if last is not None:
        query = query.where(_links.tracker_version <= last)
    rows = connection.execute(query.order_by(_links.tracker_version, _links.made_at).limit(limit))
    return [_link(row) for row in rows]


def add_link(connection: Connection, link: Link) -> bool:
    """Insert a link unless one of the two versions has one already; whether it did."""
    return insert_new(connection, mirror_links, **asdict(link))


def put_link(connection: Connection, link: Link) -> None:
    """Write the link of our version in place of its former one."""
    if add_link(connection, link):
        return
    change = update(mirror_links).where(_is_ours(link.tenant_id, link.model_name), _links.version == link.version)
    connection.execute(change.values(**asdict(link)))


def release_link(connection: Connection, tenant_id: str, model_name: str, version: int) -> None:
    """Note that the tracker's version shall stay although ours goes."""
    change = update(mirror_links).where(_is_ours(tenant_id, model_name), _links.version == version)
    connection.execute(change.values(is_released=True))


def find_refusal(connection: Connection, shown: ShownVersion) -> Refusal | None:
    """Why this version was not imported, if that was tried."""
    row = connection.execute(select(mirror_refusals).where(_is_refusal_of(shown))).first()
    return None if row is None else Refusal(**row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name.


def put_refusal(connection: Connection, refusal: Refusal) -> None:
    """Write why a version was not imported."""
    key = (_refusals.tracker_name == refusal.tracker_name) & (_refusals.tracker_version == refusal.tracker_version)
    connection.execute(delete(mirror_refusals).where(key, _refusals.made_at == refusal.made_at))
    connection.execute(insert(mirror_refusals).values(**asdict(refusal)))


def drop_refusal(connection: Connection, shown: ShownVersion) -> None:
    """Forget why it was not imported."""
    connection.execute(delete(mirror_refusals).where(_is_refusal_of(shown)))


def _is_ours(tenant_id: str, model_name: str) -> ColumnElement[bool]:
    return (_links.tenant_id == tenant_id) & (_links.model_name == model_name)


def _is_refusal_of(shown: ShownVersion) -> ColumnElement[bool]:
    return (
        (_refusals.tracker_name == shown.name)
        & (_refusals.tracker_version == shown.number)
        & (_refusals.made_at == shown.made_at)
    )


def _link(row: Row[Any]) -> Link:
    return Link(**row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name.
