"""Which APIs lead to a deployment, a version or a model of ours, so that nobody takes it away from under their callers.

Counted is what callers get: the current revision of each API that is not retired.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, and_, select

from modelyard.gateway.domain import Target
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.tables import apis, revisions
from modelyard.registry.states import Stage


def bound_to_deployment(connection: Connection, tenant_id: str, deployment_id: str) -> list[str]:
    """The ids of APIs that name a deployment."""
    return [api_id for api_id, target in _current(connection, tenant_id) if target.deployment_id == deployment_id]


def bound_to_version(
    connection: Connection, tenant_id: str, model_name: str, version: int, *, stage: Stage
) -> list[str]:
    """The ids of APIs that name a version, or the stage that it is in."""
    return [
        api_id
        for api_id, target in _current(connection, tenant_id)
        if target.model_name == model_name and (target.version == version or target.stage is stage)
    ]


def bound_to_model(connection: Connection, tenant_id: str, model_name: str) -> list[str]:
    """The ids of APIs that name a model, one of its versions or stages."""
    return [api_id for api_id, target in _current(connection, tenant_id) if target.model_name == model_name]


def _current(connection: Connection, tenant_id: str) -> Iterator[tuple[str, Target]]:
    is_current = and_(
        revisions.c.tenant_id == apis.c.tenant_id,
        revisions.c.api_id == apis.c.id,
        revisions.c.number == apis.c.current_revision,
    )
    query = (
        select(apis.c.id, revisions.c.target)
        .join(revisions, is_current)
        .where(apis.c.tenant_id == tenant_id, apis.c.status != ApiStatus.RETIRED)
    )
    for api_id, target in connection.execute(query.order_by(apis.c.id)):
        yield api_id, Target.of_json(target)
