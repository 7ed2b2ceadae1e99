"""Calls the management API in the same process, as the caller of a page: no socket, and no second authentication.

Permissions, tenants and errors are the API's own, since the call goes through all of it. Only the principal is put into
the scope, where no client can put one.
"""

import json
from collections.abc import Awaitable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelyard.errors import NotFound
from modelyard.http.middleware.authentication import as_principal, principal_of
from modelyard.http.request_ids import request_id_of

Json = dict[str, Any]
Query = Mapping[str, str | int | Sequence[str] | None]

_HANDED_ON = ("asgi", "http_version", "scheme", "client", "server", "state", "app")
_UNKNOWN = "the API gave no reason"


def at(path: str, *names: str) -> str:
    """A path of the API, or of a page, with names behind it.

    Raises:
        NotFound: a name could be more than one part of a path, so nothing has it.
    """
    for name in names:
        if "/" in name or name in {"", ".", ".."}:
            raise NotFound(f"there is nothing of the name '{name[:80]}'", code="not_found")
    return "/".join([path, *names])


class ApiError(Exception):
    """What the API answered instead: its sentence, for people, and its code, for programs."""

    def __init__(self, *, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a page: what the API answered, or why it did not."""

    title: str
    value: Json | None
    error: ApiError | None = None

    @property
    def is_forbidden(self) -> bool:
        """Whether the caller may not see this part; the page leaves it out."""
        return self.error is not None and self.error.status == HTTPStatus.FORBIDDEN

    def needed(self) -> Json:
        """What was answered, where the page is nothing without it.

        Raises:
            ApiError: it was an error.
        """
        if self.error is not None:
            raise self.error
        return self.value or {}


class Api:
    """The API as the caller of this request has it."""

    def __init__(self, scope: Scope) -> None:
        self._outer = scope
        self._app: ASGIApp = scope["app"]

    async def get(self, path: str, query: Query | None = None) -> Json:
        """What a GET answers.

        Raises:
            ApiError: it answered an error.
        """
        return await self._call("GET", path, query=query)

    async def post(self, path: str, body: Json | None = None, query: Query | None = None) -> Json:
        """What a POST answers. Raises as `get` does."""
        return await self._call("POST", path, query=query, body={} if body is None else body)

    async def put(self, path: str, body: Json, *, revision: int | None = None) -> Json:
        """What a PUT answers. Raises as `get` does.

        Args:
            revision: that the change is based on; the API refuses it when there is a newer one.
        """
        return await self._call("PUT", path, body=body, headers=_if_match(revision))

    async def patch(self, path: str, body: Json, *, revision: int | None = None) -> Json:
        """What a PATCH answers. Takes and raises what `put` does."""
        return await self._call("PATCH", path, body=body, headers=_if_match(revision))

    async def send(self, path: str, piece: bytes, *, offset: int) -> Json:
        """What a PATCH with a piece of a file answers. Raises as `get` does."""
        headers = [(b"content-type", b"application/offset+octet-stream"), (b"upload-offset", str(offset).encode())]
        return await self._call("PATCH", path, content=piece, headers=headers)

    async def delete(self, path: str, query: Query | None = None, *, revision: int | None = None) -> Json:
        """What a DELETE answers; nothing is an empty object. Takes and raises what `put` does."""
        return await self._call("DELETE", path, query=query, headers=_if_match(revision))

    async def parts(self, **questions: tuple[str, Awaitable[Json]]) -> dict[str, Part]:
        """Parts of one page, asked for at the same time. One that fails says why, and keeps no other back.

        Args:
            questions: by the name that the page has for it, a title for people and the call.
        """
        found: dict[str, Part] = {}

        async def ask(name: str, title: str, call: Awaitable[Json]) -> None:
            try:
                found[name] = Part(title, await call)
            except ApiError as error:
                found[name] = Part(title, None, error)

        async with anyio.create_task_group() as group:
            for name, (title, call) in questions.items():
                group.start_soon(ask, name, title, call)
        return found

    async def pass_through(self, path: str, receive: Receive, send: Send) -> None:
        """Answer a GET with what the API sends, piece by piece, until the reader goes away."""
        headers = [pair for pair in self._outer["headers"] if pair[0] in {b"accept", b"last-event-id", b"range"}]
        scope = self._scope("GET", path, query=self._outer["query_string"], headers=headers)
        await self._app(scope, receive, send)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        content: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> Json:
        headers = [(b"accept", b"application/json"), *headers]
        if body is not None:
            content = json.dumps(body).encode()
            headers.append((b"content-type", b"application/json"))
        if content:
            headers.append((b"content-length", str(len(content)).encode()))
        answer = _Answer(content)
        scope = self._scope(method, path, query=_encoded(query or {}), headers=headers)
        try:
            await self._app(scope, answer.receive, answer.send)
        except Exception:
            if not answer.is_complete:  # Else the fault is answered and in the log: Starlette raises it once more.
                raise
        return answer.json()

    def _scope(
        self, method: str, path: str, *, query: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> MutableMapping[str, Any]:
        outer = self._outer
        host = Headers(scope=outer).get("host", "")
        request_id = request_id_of(outer) or ""
        return {
            **{name: outer[name] for name in _HANDED_ON if name in outer},
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "root_path": "",
            "query_string": query,
            "headers": [(b"host", host.encode()), (b"x-request-id", request_id.encode()), *headers],
            **as_principal(principal_of(outer)),
        }


class _Answer:
    """One call's body, and what came back."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 0
        self._parts: list[bytes] = []
        self.is_complete = False

    async def receive(self) -> Message:
        if self._body is None:
            await anyio.sleep_forever()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)

    def json(self) -> Json:
        content = b"".join(self._parts)
        try:
            value = json.loads(content) if content else {}
        except ValueError:
            value = {}
        if self._status < HTTPStatus.BAD_REQUEST:
            return dict(value)
        raise ApiError(
            status=self._status,
            code=str(value.get("code", "unknown")),
            message=str(value.get("error", _UNKNOWN)),
            field=value.get("field"),
        )


def _if_match(revision: int | None) -> Sequence[tuple[bytes, bytes]]:
    return () if revision is None else [(b"if-match", f'"{revision}"'.encode())]


def _encoded(query: Query) -> bytes:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        if value is None or value == "":
            continue
        if isinstance(value, Sequence) and not isinstance(value, str):
            pairs += [(name, one) for one in value]
            continue
        pairs.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return urlencode(pairs).encode()
