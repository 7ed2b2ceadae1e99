"""The control plane's own log: a line of JSON for each event. A traceback shows the lines of code and no values."""

from typing import TextIO

import structlog


def configure_logs(file: TextIO) -> None:
    """Write every event of this process to `file`, with the request's id where there is one."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # structlog's default renders a traceback with its local variables, tokens and scripts of users among them.
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file),
    )
