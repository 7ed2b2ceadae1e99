"""Gives an answer without looking for a route or finding out who calls, while nothing that it tells was changed, in
this process or another.

The database counts its changes. Who was let in at some count is let in at that count again (access/admissions.py), and
an answer that was made at it holds. So one question to the database is enough: for the count, where the answer is kept
in memory; else for the answer itself together with the count, where it can be told at once (http/told.py). Only routes
whose function is `kept` are answered so, and only with 200. At another count the request goes on to be authenticated.

An ETag is the revision of the one thing that `If-Match` is about, where there is one, and a digest of the answer, which
may tell of more than that thing: `"3.9f86d081884c7d65"`. Who holds that answer gets 304.
"""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelyard.db import Database
from modelyard.errors import ModelyardError
from modelyard.http.authenticator import Authenticator
from modelyard.http.middleware.authentication import caller_of, changes_of, principal_of
from modelyard.http.told import TellsAtOnce, Told
from modelyard.principals import Principal

E = TypeVar("E", bound=Callable[..., Any])

_KEEP = "modelyard.keep"
_REVISION = re.compile(r'"\d+"')
_CACHE_CONTROL = "private, no-cache"
_VARY = "Authorization, Accept"
_MOST_BYTES = 64 * 1024 * 1024
_LARGEST_BYTES = 1024 * 1024


def kept(endpoint: E) -> E:
    """Say of a route's function that its answer tells of tables that are not volatile, and of nothing else."""
    endpoint.__dict__[_KEEP] = True
    return endpoint


def is_kept(endpoint: Any) -> bool:
    """Whether this is said of a route's function."""
    return _KEEP in getattr(endpoint, "__dict__", ())


def keep(scope: Scope) -> None:
    """Say the same of the answer to a request that no route answers."""
    scope[_KEEP] = True


@dataclass(frozen=True, slots=True)
class _Answer:
    start: Message
    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: _Answer
    changes: int
    until: float


class KeptAnswers:
    """Keeps answers for `ttl_seconds` and up to 64 MB, those that were asked for last; none with a ttl of 0."""

    def __init__(
        self, app: ASGIApp, *, access: Authenticator, database: Database, ttl_seconds: float, tell: TellsAtOnce
    ) -> None:
        self._app = app
        self._access = access
        self._database = database
        self._tell = tell
        self._ttl_seconds = ttl_seconds
        self._kept: OrderedDict[Any, _Kept] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on and keep what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_get = scope["method"] == "GET"
        held = Headers(scope=scope).get("if-none-match") if is_get else None
        answer = await self._recall(scope) if is_get else None
        if answer is not None:
            await _give(answer, held, send)
            return

        async def give(start: Message, body: bytes) -> None:
            answer = _answer(start, body)
            if is_get and _is_to_keep(scope):
                self._keep(_key(principal_of(scope), scope), answer, changes_of(scope))
            await _give(answer, held, send)

        await self._app(scope, receive, _Whole(scope, send, give))

    async def _recall(self, scope: Scope) -> _Answer | None:
        """The answer for who was let in a moment ago, if the database confirms that nothing has changed since."""
        header, address = caller_of(scope)
        try:
            caller = self._access.recall(header, address=address)
            if caller is None:
                return None
            key = _key(caller.principal, scope)
            answer = self._find(key, caller.changes)
            if answer is not None:
                return answer if await self._database.count_changes() == caller.changes else None
            told = await self._tell(caller.principal, scope["path"], scope["query_string"])
        except ModelyardError:
            return None  # Whoever authenticates the request will say so.
        if told is None or told.changes != caller.changes:
            return None
        answer = _told(told)
        self._keep(key, answer, told.changes)
        return answer

    def _find(self, key: Any, changes: int) -> _Answer | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.changes != changes or kept.until < time.monotonic():
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return kept.answer

    def _keep(self, key: Any, answer: _Answer, changes: int | None) -> None:
        if changes is None or self._ttl_seconds == 0 or len(answer.body) > _LARGEST_BYTES:
            return
        if key in self._kept:
            self._forget(key)
        self._kept[key] = _Kept(answer, changes, time.monotonic() + self._ttl_seconds)
        self._bytes += len(answer.body)
        while self._bytes > _MOST_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: Any) -> None:
        self._bytes -= len(self._kept.pop(key).answer.body)


class _Whole:
    """Passes messages on as they come, but for an answer that has, or shall have, an ETag: that is given whole."""

    def __init__(self, scope: Scope, send: Send, give: Callable[[Message, bytes], Awaitable[None]]) -> None:
        self._scope = scope
        self._send = send
        self._give = give
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._is_tagged(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._give(self._start, b"".join(self._parts))

    def _is_tagged(self, start: Message) -> bool:
        if start["status"] not in (HTTPStatus.OK, HTTPStatus.CREATED):
            return False
        tells_revision = _REVISION.fullmatch(Headers(raw=start["headers"]).get("etag", "")) is not None
        return tells_revision or _is_to_keep(self._scope)


def _key(caller: Principal, scope: Scope) -> Any:
    return caller, scope["path"], scope["query_string"], Headers(scope=scope).get("accept")


def _is_to_keep(scope: Scope) -> bool:
    return _KEEP in scope or is_kept(scope.get("endpoint"))


def _answer(start: Message, body: bytes) -> _Answer:
    headers = MutableHeaders(scope=start)
    # What the route tells is the revision of one thing; the answer may tell of more than that.
    etag = headers["ETag"] = _etag(headers.get("ETag", "").strip('"'), body)
    headers["Cache-Control"] = _CACHE_CONTROL
    headers.add_vary_header(_VARY)
    return _Answer(start, body, etag)


def _told(told: Told) -> _Answer:
    etag = _etag("" if told.revision is None else str(told.revision), told.body)
    headers = [
        (b"content-length", b"%d" % len(told.body)),
        (b"content-type", b"application/json"),
        (b"etag", etag.encode()),
        (b"cache-control", _CACHE_CONTROL.encode()),
        (b"vary", _VARY.encode()),
    ]
    return _Answer({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers}, told.body, etag)


def _etag(revision: str, body: bytes) -> str:
    return f'"{revision}.{hashlib.sha256(body).hexdigest()[:16]}"'


async def _give(answer: _Answer, if_none_match: str | None, send: Send) -> None:
    if if_none_match is not None and _matches(if_none_match, answer.etag):
        described = (b"content-length", b"content-type")
        kept = [(name, value) for name, value in answer.start["headers"] if name not in described]
        await send({"type": "http.response.start", "status": HTTPStatus.NOT_MODIFIED, "headers": kept})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({**answer.start, "headers": list(answer.start["headers"])})
    await send({"type": "http.response.body", "body": answer.body})


def _matches(if_none_match: str, etag: str) -> bool:
    return if_none_match.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in if_none_match.split(","))
