"""The floor: a bare Granian (RSGI) that reads a body and answers bytes that it holds ready."""

import os
from pathlib import Path
from typing import Any

ANSWERS = {f"/{path.name}": path.read_bytes() for path in Path(os.environ["MODELYARD_BENCH_ANSWERS"]).iterdir()}
HEADERS = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:
    """One request."""
    await protocol()
    protocol.response_bytes(200, HEADERS, ANSWERS[scope.path])
