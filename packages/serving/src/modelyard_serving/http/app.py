"""The routes of one model server. The paths of the model are known at start, so routing is one dictionary lookup; only
an unknown path is parsed, for its error."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote, unquote_to_bytes

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.future import Future, ensure_future
from modelyard_serving.http.coding import compress, decompress
from modelyard_serving.http.errors import REQUEST_ID, error_response
from modelyard_serving.http.exchange import Handler, HandlerResult, Request, Response
from modelyard_serving.inference import LARGE_BYTES
from modelyard_serving.model_header import MODEL_HEADER, VERSION_HEADER, ModelHeader

Routes = Mapping[str, Mapping[str, Handler]]
_INLINE_DECOMPRESS_BYTES = 2048
"""Larger compressed bodies are decompressed in a thread: deflate compresses a thousand to one at best, so this is 2
MB."""
_UNENCODED = "/!$&'()*+,;=:@"
"""Besides letters, digits and `-._~`, what a path may hold unencoded (RFC 3986, section 3.3)."""
_MODEL_PATH = re.compile(
    r"/v2/models/(?P<name>.+?)(?:/versions/(?P<version>[^/]+))?(?:/(?:infer|ready|config|stats))?/?"
)


class App:
    """Handles requests, directly or through an awaitable; an error becomes a response and never an exception."""

    def __init__(self, routes: Routes, *, plane: DataPlane, max_body_bytes: int) -> None:
        self._plane = plane
        self._model_header = ModelHeader(plane.served.name, plane.served.version)
        self._routes = routes
        self._encoded = {encoded: handlers for path, handlers in routes.items() for encoded in _encodings(path)}
        self._max_body_bytes = max_body_bytes
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="coding")

    def handle(self, request: Request) -> HandlerResult:
        """The response to a request."""
        try:
            if request.body and (coding := request.headers.get("content-encoding")) is not None:
                if len(request.body) > _INLINE_DECOMPRESS_BYTES:
                    return self._finalize_later(self._decompress_later(request, coding), request)
                request.body = decompress(request.body, coding, limit=self._max_body_bytes)
            result = self._route(request)
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets its 500.
            result = error_response(error, request)
        if isinstance(result, Response):
            return self._finalize(result, request)
        headers = request.headers
        is_plain = isinstance(result, Future) and "accept-encoding" not in headers and REQUEST_ID not in headers
        return result if is_plain else self._finalize_later(result, request)

    async def _decompress_later(self, request: Request, coding: str) -> Response:
        """The response to a request that is decompressed in a thread: even a small body can take long."""
        decompression = partial(decompress, request.body, coding, limit=self._max_body_bytes)
        request.body = await asyncio.get_running_loop().run_in_executor(self._threads, decompression)
        result = self._route(request)
        return result if isinstance(result, Response) else await result

    def _finalize_later(self, result: Awaitable[Response], request: Request) -> Future[Response]:
        """The future response, with request id and compression."""
        pending = ensure_future(result)
        finished: Future[Response] = Future(pending.cancel)

        def finish(outcome: Response | BaseException) -> None:
            response = error_response(outcome, request) if isinstance(outcome, BaseException) else outcome
            final = self._finalize(response, request)
            if isinstance(final, Response):
                finished.complete(final)
            else:
                ensure_future(final).on_done(finished.complete)

        pending.on_done(finish)
        return finished

    def _finalize(self, response: Response, request: Request) -> HandlerResult:
        """The response with the request's id, compressed if the client accepts that; a large one is compressed in a
        thread."""
        accepted, identity = request.headers.get("accept-encoding"), request.headers.get(REQUEST_ID)
        if accepted is None:
            return _with_request_id(response, identity)
        if len(response.body) > LARGE_BYTES:
            return self._compress_later(response, accepted, identity)
        return _with_request_id(compress(response, accepted), identity)

    async def _compress_later(self, response: Response, accepted: str, identity: str | None) -> Response:
        loop = asyncio.get_running_loop()
        return _with_request_id(await loop.run_in_executor(self._threads, compress, response, accepted), identity)

    def _route(self, request: Request) -> HandlerResult:
        headers = request.headers
        if MODEL_HEADER in headers or VERSION_HEADER in headers:
            refusal = self._model_header.refusal(headers.get(MODEL_HEADER), headers.get(VERSION_HEADER))
            if refusal is not None:
                raise refusal
        handlers = self._encoded.get(request.path)
        handler = handlers.get(request.method) if handlers is not None else None
        return self._route_decoded(request) if handler is None else handler(request)

    def _route_decoded(self, request: Request) -> HandlerResult:
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
    return {quote(path), quote(path, safe=_UNENCODED)}


def _decoded(path: str) -> str:
    """The path of a request as text. Some clients send UTF-8 as it is, which comes here as Latin-1."""
    return unquote_to_bytes(path.encode("latin-1")).decode("utf-8", errors="replace")


def _with_request_id(response: Response, identity: str | None) -> Response:
    """The response with the request's id."""
    if identity is None:
        return response
    return Response(response.status, response.body, [*response.headers, (REQUEST_ID, identity[:128])])
