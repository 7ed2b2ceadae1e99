"""Stands before the tracking server: asks who calls, decides, and passes on what may pass, as it came.

Files go through unread. The health check is everybody's.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelyard.errors import Forbidden, Kind, ModelyardError
from modelyard.tracking_access.callers import Callers, Platform
from modelyard.tracking_access.facts import NotRemembered, TrackedFacts
from modelyard.tracking_access.guard import Guard
from modelyard.tracking_access.request import TrackingRequest, read_body, read_query
from modelyard.tracking_access.rules import Rule, rule_for

_PUBLIC = frozenset({"/health"})
_MOST_BYTES = 64 * 1024 * 1024
_STATUS = {
    Kind.INVALID: (400, "INVALID_PARAMETER_VALUE"),
    Kind.UNAUTHENTICATED: (401, "UNAUTHENTICATED"),
    Kind.FORBIDDEN: (403, "PERMISSION_DENIED"),
    Kind.NOT_FOUND: (404, "RESOURCE_DOES_NOT_EXIST"),
    Kind.TOO_LARGE: (413, "INVALID_PARAMETER_VALUE"),
    Kind.BUSY: (429, "RESOURCE_EXHAUSTED"),
    Kind.UNAVAILABLE: (503, "TEMPORARILY_UNAVAILABLE"),
}
"""As MLflow's own errors are, so that its client shows them as it shows those."""
_ASK = {"WWW-Authenticate": 'Basic realm="Modelyard: any user name, and your token as password", charset="UTF-8"'}


class TrackingDoor:
    """ASGI middleware around MLflow's application."""

    def __init__(self, app: ASGIApp, *, callers: Callers, facts: TrackedFacts) -> None:
        self._app = app
        self._callers = callers
        self._facts = facts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a refusal."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in _PUBLIC):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            try:
                passing = await self._decided(scope, receive, send)
            except ModelyardError as error:
                await _refusal(error)(scope, receive, send)
            else:
                await self._app(*passing)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _decided(self, scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
        authorization = Headers(scope=scope).get("authorization")
        address = scope["client"][0] if scope.get("client") else None
        caller = self._callers.recall(authorization)
        if caller is None:
            caller = await to_thread.run_sync(lambda: self._callers.find(authorization, address=address))
        if isinstance(caller, Platform):
            return scope, receive, send
        found = rule_for(scope["method"], scope["path"])
        if found is None:
            if not caller.is_operator:
                raise Forbidden(
                    f"nobody but an operator may ask the tracker for {scope['method']} {scope['path'][:200]}",
                    code="route_refused",
                )
            return scope, receive, send
        rule, path = found
        body = await _body(receive) if rule.has_body else b""
        request = _read(scope, rule, path, body)
        try:
            rule.check(Guard(caller, self._facts.remembered), request, caller)
        except NotRemembered:
            await to_thread.run_sync(rule.check, Guard(caller, self._facts), request, caller)
        if rule.has_body:
            scope, receive = _again(scope, request, body)
        if rule.filters is not None and not caller.sees_all:
            send = _Filter(send, rule.filters, caller.sees).send
        return scope, receive, send


def _read(scope: Scope, rule: Rule, path: dict[str, str], body: bytes) -> TrackingRequest:
    """As MLflow does: of a GET the query, or, without one, the body; of others the body."""
    query = read_query(scope["query_string"])
    takes_query = not rule.has_body or (scope["method"] in {"GET", "HEAD"} and bool(query))
    return TrackingRequest(scope["method"], path, query if takes_query else read_body(body))


def _again(scope: Scope, request: TrackingRequest, body: bytes) -> tuple[Scope, Receive]:
    """The request with its body, or with the parameters that were put into it."""
    if request.is_changed and scope["query_string"]:
        scope = {**scope, "query_string": urlencode(request.parameters, doseq=True).encode()}
    elif request.is_changed:
        body = json.dumps(request.parameters).encode()
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        scope = {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
    is_sent = False

    async def receive() -> Message:
        nonlocal is_sent
        if is_sent:
            return {"type": "http.disconnect"}
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return scope, receive


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _MOST_BYTES:
            raise ModelyardError("the body is larger than 64 MiB", code="body_too_large", kind=Kind.TOO_LARGE)
        if not message.get("more_body", False):
            return b"".join(parts)


class _Filter:
    """Leaves out of a list in the answer what the caller does not see."""

    def __init__(self, send: Send, name: str, is_seen: Callable[[str], bool]) -> None:
        self._send = send
        self._name = name
        self._is_seen = is_seen
        self._start: Message = {}
        self._parts: list[bytes] = []

    async def send(self, message: Message) -> None:
        """Hold the answer back until it is whole."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = self._filtered(b"".join(self._parts))
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        await self._send({**self._start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})

    def _filtered(self, body: bytes) -> bytes:
        if self._start["status"] != 200:
            return body
        answer: dict[str, Any] = json.loads(body)
        found: Sequence[dict[str, Any]] = answer.get(self._name, [])
        answer[self._name] = [each for each in found if self._is_seen(str(each.get("name", "")))]
        return json.dumps(answer).encode()


def _refusal(error: ModelyardError) -> JSONResponse:
    status, code = _STATUS.get(error.kind, (500, "INTERNAL_ERROR"))
    message = error.message if error.kind in _STATUS else "the request cannot be decided on"
    headers = _ASK if error.kind is Kind.UNAUTHENTICATED else None
    return JSONResponse({"error_code": code, "message": message}, status_code=status, headers=headers)
