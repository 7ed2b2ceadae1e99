"""Structured logs: one JSON object per line on stderr. Nothing is logged per request on the hot path."""

import logging
import sys
from datetime import UTC, datetime

import orjson

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as a line of JSON; what a caller gave as `extra` becomes fields."""

    def __init__(self, **context: object) -> None:
        super().__init__()
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._context,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure_logs(level: str, **context: object) -> None:
    """Send every logger's lines to stderr, with `context` in each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(**context))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
