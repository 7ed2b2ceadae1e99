"""Finds why a worker ended, in one sentence, from the end of its log. Pure."""

import re
from collections.abc import Sequence
from typing import Any

import orjson

_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Group)(?::|$)")
_ERROR_LEVELS = frozenset({"error", "critical"})
_MAX_LENGTH = 500


def reason_of(log_tail: str) -> str:
    """The last error in the log: an exception, or a line of level error; else the last line.

    Lines after the error (warnings, exit messages of libraries) are ignored. Empty for an empty log.
    """
    lines = [line.rstrip() for line in log_tail.splitlines() if line.strip()]
    reason = _last_exception(lines) or _last_logged_error(lines) or (lines[-1] if lines else "")
    return reason.strip()[:_MAX_LENGTH]


def _last_exception(lines: Sequence[str]) -> str | None:
    starts = [index for index, line in enumerate(lines) if line.lstrip(" |+").startswith(_TRACEBACK)]
    if not starts:
        return next((line for line in reversed(lines) if _EXCEPTION.match(line)), None)
    after = [line for line in lines[starts[-1] + 1 :] if not line[0].isspace()]
    if not after:
        return None
    # An exception whose sentence begins on the next line: `ValueError:` alone says nothing.
    return " ".join(after[:2]) if after[0].endswith(":") else after[0]


def _last_logged_error(lines: Sequence[str]) -> str | None:
    records = (_record(line) for line in reversed(lines))
    return next(
        (str(one["message"]) for one in records if one.get("level") in _ERROR_LEVELS and one.get("message")), None
    )


def _record(line: str) -> dict[str, Any]:
    """A line of the structured log; empty for any other line."""
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
