"""How schemathesis sends bytes: the piece of an upload, and the archive of a project."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/offset+octet-stream", "application/x-tar", "application/gzip", "application/zip")
def archive(_: Any, value: Any) -> bytes:
    """The bytes as they are; what is none, as its text."""
    return value if isinstance(value, bytes) else str(value).encode()
