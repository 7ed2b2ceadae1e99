"""Reads and writes publications and nodes."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from modelyard.db.statements import insert_new
from modelyard.gateway.publishing.domain import GatewayNode, Publication, Refusal
from modelyard.gateway.publishing.tables import gateway_configurations, gateway_nodes, gateway_refusals

_REFUSAL = ("tenant_id", "kind", "name", "reason", "since")
_HEAD = (
    gateway_configurations.c.number,
    gateway_configurations.c.digest,
    gateway_configurations.c.published_at,
)


def newest(connection: Connection) -> Publication | None:
    """The publication that holds now."""
    row = connection.execute(_newest_first(select(*_HEAD))).first()
    return None if row is None else _publication(row)


def newest_content(connection: Connection, *, besides: str | None) -> str | None:
    """The newest configuration as it was written; None when there is none, or it has the digest `besides`."""
    row = connection.execute(_newest_first(select(*_HEAD, gateway_configurations.c.content))).first()
    return None if row is None or row.digest == besides else row.content


def add(connection: Connection, publication: Publication, *, content: str, kept: int) -> None:
    """Insert a publication, and delete all but the last ones."""
    connection.execute(
        insert(gateway_configurations).values(
            number=publication.number,
            digest=publication.digest,
            content=content,
            published_at=publication.published_at,
        )
    )
    old = gateway_configurations.c.number <= publication.number - kept
    connection.execute(delete(gateway_configurations).where(old))


def nodes(connection: Connection) -> list[GatewayNode]:
    """Every node, by name."""
    rows = connection.execute(select(gateway_nodes).order_by(gateway_nodes.c.name)).mappings()
    return [GatewayNode(**row) for row in rows]


def put_node(connection: Connection, node: GatewayNode) -> None:
    """Keep what a node says of itself."""
    values = asdict(node)
    if not insert_new(connection, gateway_nodes, **values):
        connection.execute(update(gateway_nodes).where(gateway_nodes.c.name == node.name).values(**values))


def forget_nodes(connection: Connection, *, before: datetime) -> None:
    """Delete nodes that have not been heard of since then."""
    connection.execute(delete(gateway_nodes).where(gateway_nodes.c.seen_at < before))
    known = select(gateway_nodes.c.name)
    connection.execute(delete(gateway_refusals).where(gateway_refusals.c.node.not_in(known)))


def refusals(connection: Connection, *, node: str | None = None, since: datetime | None = None) -> list[Refusal]:
    """What nodes refuse, each once, by name.

    Args:
        node: this one alone.
        since: nodes that were heard of since then.
    """
    query = select(*(gateway_refusals.c[name] for name in _REFUSAL))
    if node is not None:
        query = query.where(gateway_refusals.c.node == node)
    if since is not None:
        heard = select(gateway_nodes.c.name).where(gateway_nodes.c.seen_at > since)
        query = query.where(gateway_refusals.c.node.in_(heard))
    rows = connection.execute(query.order_by(gateway_refusals.c.since)).mappings()
    first: dict[tuple[str, str], Refusal] = {}
    for row in rows:
        first.setdefault((row["kind"], row["name"]), Refusal(**row))
    return [first[key] for key in sorted(first)]


def put_refusals(connection: Connection, node: str, found: Sequence[Refusal]) -> None:
    """Make these all that a node refuses."""
    connection.execute(delete(gateway_refusals).where(gateway_refusals.c.node == node))
    if found:
        connection.execute(insert(gateway_refusals), [{"node": node, **asdict(each)} for each in found])


def _newest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(gateway_configurations.c.number.desc()).limit(1)


def _publication(row: Row[Any]) -> Publication:
    return Publication(number=row.number, digest=row.digest, published_at=row.published_at)
