"""The routes of one model server. The paths of the model are known at start, so finding a handler is one look into
a dictionary; only a path that is not there is taken apart, to say what is wrong with it."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote, unquote_to_bytes

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.promise import Promise, promised
from modelyard_serving.http.coding import pack, unpack
from modelyard_serving.http.errors import REQUEST_ID, error_response
from modelyard_serving.http.exchange import Answer, Handler, Request, Response
from modelyard_serving.inference import LARGE_BYTES
from modelyard_serving.named_model import MODEL_HEADER, NamedModel

Routes = Mapping[str, Mapping[str, Handler]]
_PACKED_BYTES = 2048
"""Packed bodies over it are unpacked in a thread: deflate packs a thousand to one at best, so this is 2 MB."""
_STANDING = "/!$&'()*+,;=:@"
"""Besides letters, digits and `-._~`, what a path may hold unencoded (RFC 3986, section 3.3)."""
_MODEL_PATH = re.compile(
    r"/v2/models/(?P<name>.+?)(?:/versions/(?P<version>[^/]+))?(?:/(?:infer|ready|config|stats))?/?"
)


class App:
    """Answers requests, at once or by an awaitable; an error becomes its response and never an exception."""

    def __init__(self, routes: Routes, *, plane: DataPlane, max_body_bytes: int) -> None:
        self._plane = plane
        self._named = NamedModel(plane.served.name, plane.served.version)
        self._routes = routes
        self._encoded = {encoded: handlers for path, handlers in routes.items() for encoded in _encodings(path)}
        self._max_body_bytes = max_body_bytes
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="coding")

    def handle(self, request: Request) -> Answer:
        """The response to a request."""
        try:
            if request.body and (coding := request.headers.get("content-encoding")) is not None:
                if len(request.body) > _PACKED_BYTES:
                    return self._promised(self._unpacked_later(request, coding), request)
                request.body = unpack(request.body, coding, limit=self._max_body_bytes)
            answer = self._route(request)
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets its 500.
            answer = error_response(error, request)
        if isinstance(answer, Response):
            return self._dressed(answer, request)
        headers = request.headers
        is_plain = isinstance(answer, Promise) and "accept-encoding" not in headers and REQUEST_ID not in headers
        return answer if is_plain else self._promised(answer, request)

    async def _unpacked_later(self, request: Request, coding: str) -> Response:
        """The answer to a request that is unpacked in a thread: a small body can take long."""
        unpacking = partial(unpack, request.body, coding, limit=self._max_body_bytes)
        request.body = await asyncio.get_running_loop().run_in_executor(self._threads, unpacking)
        answer = self._route(request)
        return answer if isinstance(answer, Response) else await answer

    def _promised(self, answer: Awaitable[Response], request: Request) -> Promise[Response]:
        """What will be the answer, as its caller wants it."""
        naked = promised(answer)
        finished: Promise[Response] = Promise(naked.cancel)

        def read(outcome: Response | BaseException) -> None:
            response = error_response(outcome, request) if isinstance(outcome, BaseException) else outcome
            dressed = self._dressed(response, request)
            if isinstance(dressed, Response):
                finished.settle(dressed)
            else:
                promised(dressed).then(finished.settle)

        naked.then(read)
        return finished

    def _dressed(self, response: Response, request: Request) -> Answer:
        """The response with the request's id, packed if its caller takes that; a large one is packed in a thread."""
        accepted, identity = request.headers.get("accept-encoding"), request.headers.get(REQUEST_ID)
        if accepted is None:
            return _named(response, identity)
        if len(response.body) > LARGE_BYTES:
            return self._packed_later(response, accepted, identity)
        return _named(pack(response, accepted), identity)

    async def _packed_later(self, response: Response, accepted: str, identity: str | None) -> Response:
        loop = asyncio.get_running_loop()
        return _named(await loop.run_in_executor(self._threads, pack, response, accepted), identity)

    def _route(self, request: Request) -> Answer:
        if MODEL_HEADER in request.headers and (refusal := self._named.refusal(request.headers.get(MODEL_HEADER))):
            raise refusal
        handlers = self._encoded.get(request.path)
        handler = handlers.get(request.method) if handlers is not None else None
        return self._unrouted(request) if handler is None else handler(request)

    def _unrouted(self, request: Request) -> Answer:
        path = _decoded(request.path)
        if path != "/" and path.endswith("/"):
            path = path.rstrip("/")
        handlers = self._routes.get(path)
        if handlers is None:
            raise self._not_found(path)
        if request.method in handlers:
            return handlers[request.method](request)
        if request.method == "HEAD" and "GET" in handlers:
            return handlers["GET"](request)
        allowed = ", ".join(handlers)
        response = error_response(
            ServingError(f"{path} takes {allowed}, not {request.method}", kind=Kind.METHOD_NOT_ALLOWED)
        )
        response.headers = [*response.headers, ("allow", allowed)]
        return response

    def _not_found(self, path: str) -> ServingError:
        match = _MODEL_PATH.fullmatch(path)
        if match is not None:
            try:
                self._plane.check_name(match["name"], match["version"])
            except ServingError as error:
                return error
        return ServingError(f"there is nothing at {path}", kind=Kind.NOT_FOUND)


def _encodings(path: str) -> set[str]:
    """The path as most clients send it: encoded wholly, or where RFC 3986 asks for it."""
    return {quote(path), quote(path, safe=_STANDING)}


def _decoded(path: str) -> str:
    """The path of a request as text. Some clients send UTF-8 as it is, which comes here as Latin-1."""
    return unquote_to_bytes(path.encode("latin-1")).decode("utf-8", errors="replace")


def _named(response: Response, identity: str | None) -> Response:
    """The response with the request's id."""
    if identity is None:
        return response
    return Response(response.status, response.body, [*response.headers, (REQUEST_ID, identity[:128])])
