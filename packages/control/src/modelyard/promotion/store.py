"""Reads and writes policies, checks, requests and approvals."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, desc, insert, select, tuple_, update

from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.promotion.domain import Approval, Request
from modelyard.promotion.policy import Baseline, Evidence, Finding, MetricRequirement, Policy
from modelyard.promotion.states import RequestStatus
from modelyard.promotion.tables import approvals, policies, requests, version_checks
from modelyard.registry.domain import Version
from modelyard.registry.metrics import Direction, MetricRule


def find_policy(connection: Connection, tenant_id: str, model_name: str) -> tuple[Policy, int]:
    """The model's policy and its revision; the default one, at revision 0, when none was set."""
    row = connection.execute(
        select(policies.c.policy, policies.c.revision).where(
            policies.c.tenant_id == tenant_id, policies.c.model_name == model_name
        )
    ).first()
    return (Policy(), 0) if row is None else (_policy(row.policy), row.revision)


def put_policy(
    connection: Connection, tenant_id: str, model_name: str, policy: Policy, *, revision: int, at: datetime, by: str
) -> None:
    """Write the policy in place of the one before."""
    key = (policies.c.tenant_id == tenant_id) & (policies.c.model_name == model_name)
    connection.execute(delete(policies).where(key))
    connection.execute(
        insert(policies).values(
            tenant_id=tenant_id,
            model_name=model_name,
            policy=asdict(policy),
            revision=revision,
            updated_at=at,
            updated_by=by,
        )
    )


def checks_of(connection: Connection, version: Version) -> dict[str, bool]:
    """The checks that were recorded for a version, and whether it passed them."""
    rows = connection.execute(select(version_checks.c.name, version_checks.c.is_passed).where(_of(version)))
    return {row.name: row.is_passed for row in rows}


def put_check(
    connection: Connection, version: Version, *, name: str, is_passed: bool, details: str, at: datetime, by: str
) -> None:
    """Record a check in place of an earlier one of this name."""
    connection.execute(delete(version_checks).where(_of(version), version_checks.c.name == name))
    connection.execute(
        insert(version_checks).values(
            tenant_id=version.tenant_id,
            model_name=version.model_name,
            version=version.version,
            name=name,
            is_passed=is_passed,
            details=details,
            recorded_at=at,
            recorded_by=by,
        )
    )


def add(connection: Connection, request: Request) -> None:
    """Insert a request."""
    connection.execute(
        insert(requests).values(
            id=request.request_id,
            tenant_id=request.tenant_id,
            model_name=request.model_name,
            version=request.version,
            status=request.status,
            comment=request.comment,
            requested_by=request.requested_by,
            requested_at=request.requested_at,
            made_by=sorted(request.made_by),
            expires_at=request.expires_at,
            findings=[asdict(finding) for finding in request.findings],
            evidence_digest=request.evidence_digest,
            needed_approvals=request.needed_approvals,
            revision=request.revision,
        )
    )


def change(connection: Connection, request: Request, **values: Any) -> bool:
    """Write some columns if nobody has changed the request since it was read; whether that was so."""
    statement = (
        update(requests)
        .where(requests.c.id == request.request_id, requests.c.revision == request.revision)
        .values(revision=request.revision + 1, **values)
    )
    return connection.execute(statement).rowcount == 1


def add_approval(connection: Connection, request_id: str, approval: Approval) -> None:
    """Insert an approval; the database refuses a second one of the same subject."""
    connection.execute(
        insert(approvals).values(
            request_id=request_id,
            subject=approval.subject,
            at=approval.at,
            comment=approval.comment,
            made_by=sorted(approval.made_by),
        )
    )


def find(connection: Connection, tenant_id: str, model_name: str, request_id: str) -> Request | None:
    """One request of a model."""
    row = connection.execute(
        select(requests).where(
            requests.c.id == request_id, requests.c.tenant_id == tenant_id, requests.c.model_name == model_name
        )
    ).first()
    return None if row is None else _requests(connection, [row])[0]


def find_open(connection: Connection, version: Version) -> Request | None:
    """The version's request that is not decided."""
    row = connection.execute(
        select(requests).where(
            requests.c.tenant_id == version.tenant_id,
            requests.c.model_name == version.model_name,
            requests.c.version == version.version,
            requests.c.status == RequestStatus.REQUESTED,
        )
    ).first()
    return None if row is None else _requests(connection, [row])[0]


def open_requests(connection: Connection, tenant_id: str, model_name: str) -> list[Request]:
    """All requests of a model that are not decided."""
    rows = connection.execute(
        select(requests).where(
            requests.c.tenant_id == tenant_id,
            requests.c.model_name == model_name,
            requests.c.status == RequestStatus.REQUESTED,
        )
    ).all()
    return _requests(connection, rows)


def page(
    connection: Connection,
    tenant_id: str,
    *,
    model_name: str | None,
    status: RequestStatus | None,
    limit: int,
    cursor: str | None,
) -> Page[Request]:
    """Requests of a tenant, newest first."""
    query = select(requests).where(requests.c.tenant_id == tenant_id)
    if model_name is not None:
        query = query.where(requests.c.model_name == model_name)
    if status is not None:
        query = query.where(requests.c.status == status)
    if cursor is not None:
        key = tuple_(requests.c.requested_at, requests.c.id)
        query = query.where(key < tuple_(*decode_time_cursor(cursor)))
    query = query.order_by(desc(requests.c.requested_at), desc(requests.c.id)).limit(limit + 1)
    rows = connection.execute(query).all()
    items = _requests(connection, rows[:limit])
    more = len(rows) > limit
    return Page(items, encode_time_cursor(items[-1].requested_at, items[-1].request_id) if more else None)


def _of(version: Version) -> Any:
    return (
        (version_checks.c.tenant_id == version.tenant_id)
        & (version_checks.c.model_name == version.model_name)
        & (version_checks.c.version == version.version)
    )


def _policy(content: dict[str, Any]) -> Policy:
    metrics = tuple(
        MetricRequirement(
            metric=item["metric"],
            direction=None if item["direction"] is None else Direction(item["direction"]),
            baseline=Baseline(item["baseline"]),
            threshold=item["threshold"],
        )
        for item in content["metrics"]
    )
    return Policy(
        needed_approvals=content["needed_approvals"],
        approvers=tuple(content["approvers"]),
        metrics=metrics,
        metric_rules={name: _rule(rule) for name, rule in content.get("metric_rules", {}).items()},
        tags=content["tags"],
        checks=tuple(content["checks"]),
        expires_after_hours=content["expires_after_hours"],
        auto_staging=content["auto_staging"],
        evidence=Evidence(content.get("evidence", Evidence.MEASURED)),
    )


def _rule(content: dict[str, Any]) -> MetricRule:
    return MetricRule(Direction(content["direction"]), content["tolerance"])


def _requests(connection: Connection, rows: Sequence[Row[Any]]) -> list[Request]:
    """The requests of these rows; their approvals are read together."""
    given: dict[str, list[Approval]] = {row.id: [] for row in rows}
    query = select(approvals).where(approvals.c.request_id.in_(given)).order_by(approvals.c.at, approvals.c.subject)
    for item in connection.execute(query) if rows else ():
        given[item.request_id].append(Approval(item.subject, item.at, item.comment, frozenset(item.made_by or ())))
    return [_request(row, given[row.id]) for row in rows]


def _request(row: Row[Any], given: Sequence[Approval]) -> Request:
    return Request(
        request_id=row.id,
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        version=row.version,
        status=RequestStatus(row.status),
        comment=row.comment,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        expires_at=row.expires_at,
        findings=tuple(Finding(**finding) for finding in row.findings),
        evidence_digest=row.evidence_digest,
        needed_approvals=row.needed_approvals,
        approvals=tuple(given),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
        revision=row.revision,
        made_by=frozenset(row.made_by or ()),
    )
