"""Reads and writes deployments."""

from typing import Any

from sqlalchemy import Connection, Row, desc, func, select, tuple_, update

from modelyard.db.statements import insert_new
from modelyard.deployments.domain import (
    Deployment,
    autoscaling_of_json,
    autoscaling_to_json,
    resources_of_json,
    resources_to_json,
)
from modelyard.deployments.states import DeploymentStatus, DesiredState
from modelyard.deployments.tables import deployments
from modelyard.paging import Page, decode_time_cursor, encode_time_cursor


def add(connection: Connection, deployment: Deployment) -> bool:
    """Insert a deployment, unless its job has made one; says whether it did."""
    return insert_new(
        connection,
        deployments,
        id=deployment.deployment_id,
        tenant_id=deployment.tenant_id,
        namespace=deployment.namespace,
        model_name=deployment.model_name,
        version=deployment.version,
        target=deployment.target,
        replicas=deployment.replicas,
        resources=resources_to_json(deployment.resources),
        autoscaling=autoscaling_to_json(deployment.autoscaling),
        generation=deployment.generation,
        desired_state=deployment.desired_state,
        status=deployment.status,
        ready_replicas=deployment.ready_replicas,
        job_id=deployment.job_id,
        created_by=deployment.created_by,
        created_at=deployment.created_at,
        updated_at=deployment.updated_at,
    )


def change(connection: Connection, deployment_id: str, **values: Any) -> None:
    """Write some columns of a deployment."""
    connection.execute(update(deployments).where(deployments.c.id == deployment_id).values(**values))


def find(connection: Connection, deployment_id: str) -> Deployment | None:
    """The deployment of this id, in any tenant."""
    row = connection.execute(select(deployments).where(deployments.c.id == deployment_id)).first()
    return None if row is None else _deployment(row)


def lock(connection: Connection, deployment_id: str) -> Deployment | None:
    """The deployment of this id, which nobody else changes until the transaction ends."""
    row = connection.execute(select(deployments).where(deployments.c.id == deployment_id).with_for_update()).first()
    return None if row is None else _deployment(row)


def find_of_job(connection: Connection, job_id: str) -> Deployment | None:
    """The deployment that this job made."""
    row = connection.execute(select(deployments).where(deployments.c.job_id == job_id)).first()
    return None if row is None else _deployment(row)


def not_stopped(connection: Connection, target: str) -> list[Deployment]:
    """All deployments that run or shall in this target, of all tenants."""
    query = select(deployments).where(deployments.c.status != DeploymentStatus.STOPPED, deployments.c.target == target)
    return [_deployment(row) for row in connection.execute(query.order_by(deployments.c.created_at))]


def wanted(connection: Connection) -> list[Deployment]:
    """All deployments that shall run, of all tenants."""
    query = select(deployments).where(
        deployments.c.desired_state == DesiredState.RUNNING, deployments.c.status != DeploymentStatus.STOPPED
    )
    return [_deployment(row) for row in connection.execute(query.order_by(deployments.c.id))]


def targets_of_not_stopped(connection: Connection) -> set[str]:
    """The targets of those, of all tenants."""
    query = select(deployments.c.target).where(deployments.c.status != DeploymentStatus.STOPPED).distinct()
    return set(connection.execute(query).scalars())


def of_version(connection: Connection, tenant_id: str, model_name: str, number: int | None) -> list[Deployment]:
    """The deployments of a version, or of all versions of a model, that are not stopped; oldest first."""
    query = select(deployments).where(
        deployments.c.tenant_id == tenant_id,
        deployments.c.model_name == model_name,
        deployments.c.status != DeploymentStatus.STOPPED,
    )
    if number is not None:
        query = query.where(deployments.c.version == number)
    return [_deployment(row) for row in connection.execute(query.order_by(deployments.c.created_at))]


def desired_running(
    connection: Connection,
    tenant_id: str,
    *,
    model_name: str,
    namespace: str,
    target: str | None,
    version: int | None = None,
) -> list[Deployment]:
    """The deployments of a model, or of one version of it, in a namespace whose desired state is running; oldest first.

    Those of one target, or of all.
    """
    query = select(deployments).where(
        deployments.c.tenant_id == tenant_id,
        deployments.c.model_name == model_name,
        deployments.c.namespace == namespace,
        deployments.c.desired_state == DesiredState.RUNNING,
        deployments.c.status != DeploymentStatus.STOPPED,
    )
    if target is not None:
        query = query.where(deployments.c.target == target)
    if version is not None:
        query = query.where(deployments.c.version == version)
    return [_deployment(row) for row in connection.execute(query.order_by(deployments.c.created_at))]


def count_replicas(connection: Connection, tenant_id: str) -> int:
    """How many replicas the tenant's deployments may have together, less those that leave."""
    query = select(deployments.c.replicas, deployments.c.autoscaling).where(
        deployments.c.tenant_id == tenant_id,
        deployments.c.desired_state == DesiredState.RUNNING,
        deployments.c.status != DeploymentStatus.STOPPED,
    )
    return sum(
        row.replicas if row.autoscaling is None else int(row.autoscaling["max_replicas"])
        for row in connection.execute(query)
    )


def count_by_status(connection: Connection, tenant_id: str) -> dict[str, int]:
    """How many deployments of the tenant are in each status that any is in."""
    query = select(deployments.c.status, func.count()).where(deployments.c.tenant_id == tenant_id)
    return {row[0]: row[1] for row in connection.execute(query.group_by(deployments.c.status))}


def page(
    connection: Connection,
    tenant_id: str,
    *,
    model_name: str | None,
    namespace: str | None,
    target: str | None,
    status: DeploymentStatus | None,
    limit: int,
    cursor: str | None,
) -> Page[Deployment]:
    """Deployments of a tenant, newest first; without a status those that are not stopped."""
    query = select(deployments).where(deployments.c.tenant_id == tenant_id)
    if status is None:
        query = query.where(deployments.c.status != DeploymentStatus.STOPPED)
    for column, value in (
        (deployments.c.status, status),
        (deployments.c.model_name, model_name),
        (deployments.c.namespace, namespace),
        (deployments.c.target, target),
    ):
        if value is not None:
            query = query.where(column == value)
    if cursor is not None:
        key = tuple_(deployments.c.created_at, deployments.c.id)
        query = query.where(key < tuple_(*decode_time_cursor(cursor)))
    query = query.order_by(desc(deployments.c.created_at), desc(deployments.c.id)).limit(limit + 1)
    rows = connection.execute(query).all()
    items = [_deployment(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items, encode_time_cursor(items[-1].created_at, items[-1].deployment_id) if more else None)


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment(
        deployment_id=row.id,
        tenant_id=row.tenant_id,
        namespace=row.namespace,
        model_name=row.model_name,
        version=row.version,
        target=row.target,
        replicas=row.replicas,
        resources=resources_of_json(row.resources),
        autoscaling=autoscaling_of_json(row.autoscaling),
        generation=row.generation,
        desired_state=DesiredState(row.desired_state),
        status=DeploymentStatus(row.status),
        reason=row.reason,
        url=row.url,
        ready_replicas=row.ready_replicas,
        job_id=row.job_id,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        image_digest=row.image_digest,
    )
