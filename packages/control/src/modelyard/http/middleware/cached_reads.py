"""Answers a GET before its caller is authenticated anew and before a route is looked for, while nothing has changed.

Three steps, each with at most one query (docs/architecture/10-registry-reads.md):

1. The caller was authenticated a moment ago (access/principal_cache.py). Otherwise the request goes on.
2. The response is in the cache. The query reads the number of changes: at the same number caller and response hold.
3. The fast path makes the response. Its query reads the row and the number of changes in one statement: at the same
   number the caller holds, and the response is cached.

At another number, and after any error, the request goes on to be authenticated and routed as if nothing were cached.
What the route then answers is cached if the route is `@cacheable` and the answer is a 200. A client whose
`If-None-Match` names the ETag gets 304.
"""

import re
from collections.abc import Awaitable, Callable, Hashable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelyard.db import Database
from modelyard.errors import ModelyardError
from modelyard.http.authenticator import Authenticator
from modelyard.http.cached_response import FastPath
from modelyard.http.middleware.authentication import caller_of, change_number_of, principal_of
from modelyard.http.response_cache import ResponseCache, WholeResponse, is_cacheable
from modelyard.http.revision import is_known
from modelyard.principals import Principal

_REVISION = re.compile(r'"\d+"')


class CachedReads:
    """The only place that reads and fills the cache of responses."""

    def __init__(
        self, app: ASGIApp, *, access: Authenticator, database: Database, cache: ResponseCache, fast_path: FastPath
    ) -> None:
        self._app = app
        self._access = access
        self._database = database
        self._cache = cache
        self._fast_path = fast_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on and cache the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_get = scope["method"] == "GET"
        if_none_match = Headers(scope=scope).get("if-none-match") if is_get else None
        found = await self._find(scope) if is_get else None
        if found is not None:
            await _send(found, if_none_match, send)
            return

        async def finish(start: Message, body: bytes) -> None:
            response = WholeResponse.of_route(start, body)
            if is_get and is_cacheable(scope.get("endpoint")):
                key = _key(principal_of(scope), scope)
                self._cache.put(key, response, change_number=change_number_of(scope))
            await _send(response, if_none_match, send)

        await self._app(scope, receive, _WholeBody(scope, send, finish))

    async def _find(self, scope: Scope) -> WholeResponse | None:
        authorization, address = caller_of(scope)
        try:
            caller = self._access.cached_principal(authorization, address=address)
            if caller is None:
                return None
            key = _key(caller.principal, scope)
            cached = self._cache.get(key, change_number=caller.change_number)
            if cached is not None:
                return cached if await self._database.change_number() == caller.change_number else None
            made = await self._fast_path(caller.principal, scope["path"], scope["query_string"])
        except ModelyardError:
            return None  # Authentication or the route raises it again, and has it answered.
        if made is None or made.change_number != caller.change_number:
            return None
        response = WholeResponse.of(made)
        self._cache.put(key, response, change_number=made.change_number)
        return response


class _WholeBody:
    """Passes messages on as they come, and collects a response that has, or shall have, an ETag."""

    def __init__(self, scope: Scope, send: Send, finish: Callable[[Message, bytes], Awaitable[None]]) -> None:
        self._scope = scope
        self._send = send
        self._finish = finish
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._gets_etag(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start, b"".join(self._parts))

    def _gets_etag(self, start: Message) -> bool:
        if start["status"] not in (HTTPStatus.OK, HTTPStatus.CREATED):
            return False
        has_revision = _REVISION.fullmatch(Headers(raw=start["headers"]).get("etag", "")) is not None
        return has_revision or is_cacheable(self._scope.get("endpoint"))


def _key(caller: Principal, scope: Scope) -> Hashable:
    return caller, scope["path"], scope["query_string"], Headers(scope=scope).get("accept")


async def _send(response: WholeResponse, if_none_match: str | None, send: Send) -> None:
    if is_known(response.etag, if_none_match):
        described = (b"content-length", b"content-type")
        headers = [(name, value) for name, value in response.start["headers"] if name not in described]
        await send({"type": "http.response.start", "status": HTTPStatus.NOT_MODIFIED, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({**response.start, "headers": list(response.start["headers"])})
    await send({"type": "http.response.body", "body": response.body})
