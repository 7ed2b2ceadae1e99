"""Counts requests by caller and API from the access log, and reports each of them once, whatever dies in between.

What was read and not yet reported is kept in a file with the place in the log, so that a node that starts again goes on
from there. A report has a number; the control plane counts a number once.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from modelyard.atomic_file import replace_text

_MOST_BYTES = 4 * 1024 * 1024
"""Of the log for one report."""
_GRPC_EXHAUSTED = 8
_GRPC_FAILURES = frozenset({2, 4, 13, 14, 15})


@dataclass(frozen=True, slots=True)
class Usage:
    """What one caller had of one API or model in one hour."""

    tenant_id: str
    subscription_id: str
    """Empty: without a subscription."""
    scope: str
    """`api:<id>` or `model:<name>`."""
    hour: str
    """When it began, ISO 8601."""
    calls: int = 0
    refused: int = 0
    """By a limit; they are not among the calls."""
    over_limit: int = 0
    failed: int = 0
    last_at: str = ""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What a node counted since its report before."""

    number: int
    """Grows with each report of a node."""
    rows: tuple[Usage, ...]


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far the log is read, and what is still to be reported of it."""

    number: int = 0
    inode: int = 0
    offset: int = 0
    pending: tuple[Mapping[str, Any], ...] = field(default=())


class UsageLog:
    """Reads one access log. `report` is called with what was counted; when it raises, the same comes again."""

    def __init__(self, log: Path, progress: Path, *, now: Callable[[], float] = time.time) -> None:
        self._log = log
        self._file = progress
        self._now = now
        self._progress = _read_progress(progress)

    def report_new(self, report: Callable[[UsageReport], None]) -> bool:
        """Report what was logged since the last time; whether there may be more.

        Raises:
            Unavailable: what `report` raises.
        """
        is_whole = True
        if not self._progress.pending:
            is_whole = self._read()
        if self._progress.pending:
            report(UsageReport(self._progress.number, tuple(Usage(**row) for row in self._progress.pending)))
            self._keep(replace(self._progress, pending=()))
        return not is_whole

    def _read(self) -> bool:
        """Count what is new, and keep it. Whether that was all."""
        part = self._current()
        if part is None:
            return True
        path, inode, offset = part
        with path.open("rb") as log:
            log.seek(offset)
            content = log.read(_MOST_BYTES)
        end = content.rfind(b"\n") + 1
        if not end and path != self._log:
            end = len(content)  # Nobody ends the last line of a part that was moved aside.
        rows = counted(content[:end].splitlines())
        # A node whose folder was lost must not use a number again that was counted.
        number = max(self._progress.number + 1, int(self._now() * 1000)) if rows else self._progress.number
        self._keep(_Progress(number, inode, offset + end, tuple(asdict(row) for row in rows)))
        return len(content) < _MOST_BYTES and path == self._log

    def _current(self) -> tuple[Path, int, int] | None:
        """The part of the log to read next: the rest of one that was moved aside comes before the one in its place."""
        try:
            inode = self._log.stat().st_ino
        except FileNotFoundError:
            return None
        if self._progress.inode in {0, inode}:
            size, offset = self._log.stat().st_size, self._progress.offset
            return self._log, inode, offset if offset <= size else 0
        aside = self._log.with_name(f"{self._log.name}.1")
        found = aside.stat() if aside.exists() else None
        if found is not None and found.st_ino == self._progress.inode and found.st_size > self._progress.offset:
            return aside, self._progress.inode, self._progress.offset
        return self._log, inode, 0

    def _keep(self, progress: _Progress) -> None:
        if progress != self._progress:
            replace_text(self._file, json.dumps(asdict(progress)))
            self._progress = progress


def counted(lines: Iterable[bytes]) -> tuple[Usage, ...]:
    """Usage by tenant, caller, API and hour. Lines that are no request to an API or a model count nothing."""
    found: dict[tuple[str, str, str, str], Usage] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            one = _usage_of(entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # Half a line, of an Envoy that was killed.
        if one is None:
            continue
        key = (one.tenant_id, one.subscription_id, one.scope, one.hour)
        before = found.get(key)
        found[key] = one if before is None else _sum(before, one)
    return tuple(found.values())


def _usage_of(entry: Mapping[str, Any]) -> Usage | None:
    api, model = entry.get("api"), entry.get("model")
    if "tenant" not in entry or (api is None and model is None):
        return None
    status, grpc_status = int(entry["status"]), int(entry.get("grpc_status", 0))
    has_answered = "endpoint" in entry
    is_failure = status >= HTTPStatus.INTERNAL_SERVER_ERROR or grpc_status in _GRPC_FAILURES
    is_call = has_answered or is_failure
    is_refused = not is_call and (status == HTTPStatus.TOO_MANY_REQUESTS or grpc_status == _GRPC_EXHAUSTED)
    if not is_call and not is_refused:
        return None
    at = datetime.fromisoformat(entry["time"]).astimezone(UTC)
    return Usage(
        tenant_id=entry["tenant"],
        subscription_id=entry.get("subscription", ""),
        scope=f"model:{model}" if api is None else f"api:{api}",
        hour=at.replace(minute=0, second=0, microsecond=0).isoformat(),
        calls=int(is_call),
        refused=int(is_refused),
        over_limit=int(is_call and "over_limit" in entry),
        failed=int(is_call and is_failure),
        last_at=at.isoformat(),
    )


def _sum(one: Usage, other: Usage) -> Usage:
    return replace(
        one,
        calls=one.calls + other.calls,
        refused=one.refused + other.refused,
        over_limit=one.over_limit + other.over_limit,
        failed=one.failed + other.failed,
        last_at=max(one.last_at, other.last_at),
    )


def _read_progress(path: Path) -> _Progress:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _Progress(**{**content, "pending": tuple(content["pending"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return _Progress()
