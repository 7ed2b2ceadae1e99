"""Reads and writes counts of servers."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from modelyard.drift.domain import Counts
from modelyard.drift.tables import drift_findings as findings
from modelyard.drift.tables import drift_sources as sources
from modelyard.drift.tables import drift_windows as windows


def last_counts(connection: Connection, deployment_id: str, instance: str, profile: str) -> Counts | None:
    """The counters of a server when it was asked last."""
    query = select(sources.c.counts).filter_by(deployment_id=deployment_id, instance=instance, profile=profile)
    return connection.execute(query).scalar_one_or_none()


def put_source(
    connection: Connection, deployment_id: str, instance: str, profile: str, counts: Counts, *, at: datetime
) -> None:
    """Remember the counters of a server."""
    key = {"deployment_id": deployment_id, "instance": instance}
    connection.execute(delete(sources).filter_by(**key))
    connection.execute(insert(sources).values(**key, profile=profile, counts=counts, seen_at=at))


def window(connection: Connection, deployment_id: str, profile: str, starts_at: datetime) -> Counts | None:
    """The counts of one window."""
    query = select(windows.c.counts).filter_by(deployment_id=deployment_id, profile=profile, starts_at=starts_at)
    return connection.execute(query).scalar_one_or_none()


def put_window(
    connection: Connection, deployment_id: str, profile: str, starts_at: datetime, counts: Counts, *, is_new: bool
) -> None:
    """Write the counts of one window."""
    key = {"deployment_id": deployment_id, "profile": profile, "starts_at": starts_at}
    if is_new:
        connection.execute(insert(windows).values(**key, counts=counts))
        return
    connection.execute(update(windows).filter_by(**key).values(counts=counts))


def windows_since(
    connection: Connection, deployment_ids: Collection[str], profile: str, since: datetime
) -> Sequence[tuple[datetime, Counts]]:
    """The windows of these deployments, newest first."""
    query = select(windows.c.starts_at, windows.c.counts).where(
        windows.c.deployment_id.in_(deployment_ids), windows.c.profile == profile, windows.c.starts_at >= since
    )
    return [(row.starts_at, row.counts) for row in connection.execute(query.order_by(windows.c.starts_at.desc()))]


def found(connection: Connection, deployment_id: str, version: int) -> bool:
    """Whether drift was found of a deployment's version, and has not ended."""
    query = select(findings.c.version).filter_by(deployment_id=deployment_id, version=version)
    return connection.execute(query).first() is not None


def put_finding(
    connection: Connection, deployment_id: str, version: int, features: Sequence[str], *, at: datetime
) -> None:
    """Remember that drift was found."""
    row = {"deployment_id": deployment_id, "version": version, "features": list(features), "found_at": at}
    connection.execute(insert(findings).values(**row))


def remove_finding(connection: Connection, deployment_id: str, version: int) -> None:
    """Forget it: it has ended."""
    connection.execute(delete(findings).filter_by(deployment_id=deployment_id, version=version))


def forget(connection: Connection, *, windows_before: datetime, sources_before: datetime) -> None:
    """Delete what is older."""
    connection.execute(delete(sources).where(sources.c.seen_at < sources_before))
    connection.execute(delete(windows).where(windows.c.starts_at < windows_before))
