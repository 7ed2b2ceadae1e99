"""How schemathesis sends a piece of an upload: as its bytes."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def piece(_: Any, value: Any) -> bytes:
    """The bytes as they are; what is none, as its text."""
    return value if isinstance(value, bytes) else str(value).encode()
