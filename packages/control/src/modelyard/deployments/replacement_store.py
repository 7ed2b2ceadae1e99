"""Reads and writes replacements."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from modelyard.db.statements import insert_new
from modelyard.deployments.replacement import Replacement
from modelyard.deployments.states import ReplacementStatus
from modelyard.deployments.tables import deployments, replacements

_UNDER_WAY = tuple(status for status in ReplacementStatus if status.is_under_way)


def add(connection: Connection, replacement: Replacement) -> bool:
    """Insert it, unless another one of its deployment is under way or its job has made one; says whether it did."""
    return insert_new(
        connection,
        replacements,
        id=replacement.replacement_id,
        deployment_id=replacement.deployment_id,
        from_version=replacement.from_version,
        version=replacement.version,
        generation=replacement.generation,
        status=replacement.status,
        job_id=replacement.job_id,
        created_by=replacement.created_by,
        created_at=replacement.created_at,
        updated_at=replacement.updated_at,
    )


def change(connection: Connection, replacement_id: str, **values: Any) -> None:
    """Write some columns of a replacement."""
    connection.execute(update(replacements).where(replacements.c.id == replacement_id).values(**values))


def of_job(connection: Connection, job_id: str) -> Replacement | None:
    """The one that this job made."""
    row = connection.execute(select(replacements).where(replacements.c.job_id == job_id)).first()
    return None if row is None else _replacement(row)


def under_way(connection: Connection, deployment_id: str) -> Replacement | None:
    """The one of a deployment that will still change."""
    query = select(replacements).where(
        replacements.c.deployment_id == deployment_id, replacements.c.status.in_(_UNDER_WAY)
    )
    row = connection.execute(query).first()
    return None if row is None else _replacement(row)


def latest(connection: Connection, deployment_ids: Collection[str]) -> dict[str, Replacement]:
    """The newest one of each of these deployments that has any."""
    query = select(replacements).where(replacements.c.deployment_id.in_(deployment_ids))
    rows = connection.execute(query.order_by(replacements.c.generation))
    return {row.deployment_id: _replacement(row) for row in rows}


def last_generation(connection: Connection, deployment_id: str) -> int:
    """The highest generation that a deployment had or shall have."""
    of_replacements = select(func.max(replacements.c.generation)).where(replacements.c.deployment_id == deployment_id)
    own = select(deployments.c.generation).where(deployments.c.id == deployment_id)
    found = (connection.execute(query).scalar() for query in (of_replacements, own))
    return max(number or 0 for number in found)


def aiming_at(connection: Connection, tenant_id: str, model_name: str, version: int | None) -> set[str]:
    """The deployments that a replacement under way shall bring to this version, or to any of the model's."""
    query = select(replacements.c.deployment_id).join(deployments, deployments.c.id == replacements.c.deployment_id)
    query = query.where(
        deployments.c.tenant_id == tenant_id,
        deployments.c.model_name == model_name,
        replacements.c.status.in_(_UNDER_WAY),
    )
    if version is not None:
        query = query.where(replacements.c.version == version)
    return set(connection.execute(query).scalars())


def sharing_addresses(connection: Connection) -> frozenset[str]:
    """The deployments of which servers of two versions may answer: those of the new one start, or of the old one
    drain."""
    shared = (ReplacementStatus.STARTING, ReplacementStatus.DRAINING)
    query = select(replacements.c.deployment_id).where(replacements.c.status.in_(shared))
    return frozenset(connection.execute(query).scalars())


def _replacement(row: Row[Any]) -> Replacement:
    return Replacement(
        replacement_id=row.id,
        deployment_id=row.deployment_id,
        from_version=row.from_version,
        version=row.version,
        generation=row.generation,
        status=ReplacementStatus(row.status),
        reason=row.reason,
        job_id=row.job_id,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
