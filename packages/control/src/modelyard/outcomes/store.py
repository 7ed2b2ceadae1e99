"""Reads and writes answered requests and outcomes."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from modelyard.analysis.interval import Sums
from modelyard.db.statements import insert_new
from modelyard.gateway_node.answer_log import AnsweredRequest
from modelyard.outcomes.domain import Outcome
from modelyard.outcomes.tables import answered_requests, outcomes


def add_answer(connection: Connection, answer: AnsweredRequest, *, at: datetime) -> None:
    """Insert an answered request; the first answer of an id stays."""
    insert_new(
        connection,
        answered_requests,
        tenant_id=answer.tenant_id,
        model_name=answer.model_name,
        request_id=answer.request_id,
        version=answer.version,
        answered_at=at,
    )


def add_outcome(
    connection: Connection, tenant_id: str, model_name: str, metric: str, outcome: Outcome, *, at: datetime
) -> bool:
    """Insert an outcome; whether there was none of this request."""
    return insert_new(
        connection,
        outcomes,
        tenant_id=tenant_id,
        model_name=model_name,
        metric=metric,
        request_id=outcome.request_id,
        value=outcome.value,
        recorded_at=at,
    )


def values(
    connection: Connection, tenant_id: str, model_name: str, metric: str, request_ids: Collection[str]
) -> Mapping[str, float]:
    """Outcomes of these requests."""
    query = select(outcomes.c.request_id, outcomes.c.value).where(
        *_of(outcomes, tenant_id, model_name), outcomes.c.metric == metric, outcomes.c.request_id.in_(request_ids)
    )
    return {row.request_id: row.value for row in connection.execute(query)}


def known(connection: Connection, tenant_id: str, model_name: str, request_ids: Collection[str]) -> set[str]:
    """Those of these requests whose version is known."""
    query = select(answered_requests.c.request_id).where(
        *_of(answered_requests, tenant_id, model_name), answered_requests.c.request_id.in_(request_ids)
    )
    return set(connection.execute(query).scalars())


def sums(connection: Connection, tenant_id: str, model_name: str, metric: str, version: int) -> Sums:
    """The sums of a version's outcomes."""
    value = outcomes.c.value
    query = (
        select(func.count(), func.sum(value), func.sum(value * value))
        .select_from(outcomes.join(answered_requests, _joined()))
        .where(
            *_of(outcomes, tenant_id, model_name),
            outcomes.c.metric == metric,
            answered_requests.c.version == version,
        )
    )
    count, total, squares = connection.execute(query).one()
    return Sums(count, total or 0.0, squares or 0.0)


def count_answers(connection: Connection, tenant_id: str, model_name: str, version: int) -> int:
    """How many answers of a version are known."""
    query = select(func.count()).where(
        *_of(answered_requests, tenant_id, model_name), answered_requests.c.version == version
    )
    return int(connection.execute(query).scalar_one())


def count_unknown(connection: Connection, tenant_id: str, model_name: str, metric: str) -> int:
    """How many outcomes have no known request."""
    query = (
        select(func.count())
        .select_from(outcomes.outerjoin(answered_requests, _joined()))
        .where(
            *_of(outcomes, tenant_id, model_name),
            outcomes.c.metric == metric,
            answered_requests.c.request_id.is_(None),
        )
    )
    return int(connection.execute(query).scalar_one())


def forget(connection: Connection, *, before: datetime) -> None:
    """Delete what is older."""
    connection.execute(delete(answered_requests).where(answered_requests.c.answered_at < before))
    connection.execute(delete(outcomes).where(outcomes.c.recorded_at < before))


def _of(table: Any, tenant_id: str, model_name: str) -> tuple[Any, Any]:
    return (table.c.tenant_id == tenant_id, table.c.model_name == model_name)


def _joined() -> Any:
    return (
        (outcomes.c.tenant_id == answered_requests.c.tenant_id)
        & (outcomes.c.model_name == answered_requests.c.model_name)
        & (outcomes.c.request_id == answered_requests.c.request_id)
    )
