"""Scripts, styles and what others wrote, at addresses that hold the hash of all of them, so browsers keep them."""

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import Request
from fastapi.responses import Response

from modelyard.console.addresses import STATIC
from modelyard.http.routing import APIRouter

VENDORED = "vendored.json"
"""In the folder of what others wrote: where each file is from, its licence and its hash."""
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".json": "application/json",
}
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    packed: bytes
    media_type: str


class StaticFiles:
    """All files of the folder, held in memory as they are and packed."""

    def __init__(self) -> None:
        self._files = dict(_read(files("modelyard.console") / "static", ""))
        digest = hashlib.sha256()
        for name, file in sorted(self._files.items()):
            digest.update(f"{name}\0{hashlib.sha256(file.content).hexdigest()}\n".encode())
        self._prefix = f"{STATIC}/{digest.hexdigest()[:16]}"

    def path(self, name: str) -> str:
        """The address of a file, by its name in the folder."""
        if name not in self._files:
            raise KeyError(name)
        return f"{self._prefix}/{name}"

    @property
    def paths(self) -> frozenset[str]:
        """The addresses of all files."""
        return frozenset(map(self.path, self._files))

    def routes(self) -> APIRouter:
        """A route for each file."""
        router = APIRouter(include_in_schema=False)
        for name, file in self._files.items():
            router.add_api_route(self.path(name), _answering(file), methods=["GET"])
        return router

    def vendored(self) -> dict[str, dict[str, str]]:
        """What others wrote, by the file's name: `source`, `licence`, `sha256`."""
        found: dict[str, dict[str, str]] = json.loads(self._files[f"vendor/{VENDORED}"].content)
        return found


def _read(folder: Traversable, beginning: str) -> list[tuple[str, _File]]:
    found = []
    for entry in folder.iterdir():
        name = f"{beginning}{entry.name}"
        if entry.is_dir():
            found += _read(entry, f"{name}/")
            continue
        media_type = _TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if media_type is not None:
            content = entry.read_bytes()
            found.append((name, _File(content, gzip.compress(content, 9, mtime=0), media_type)))
    return found


def _answering(file: _File) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, media_type=file.media_type, headers={**_HEADERS, "Content-Encoding": "gzip"})
        return Response(file.content, media_type=file.media_type, headers=_HEADERS)

    return answer
