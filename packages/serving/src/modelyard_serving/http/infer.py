"""POST …/infer: bytes to a request, one inference, an answer to bytes. A short model's request passes through here
without a coroutine, a copy or a log line."""

import asyncio
from collections.abc import Awaitable

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import InvalidInput
from modelyard_serving.http.exchange import Answer, Request, Response
from modelyard_serving.protocol.messages import InferRequest, InferResponse
from modelyard_serving.protocol.rest_request import RestReader
from modelyard_serving.protocol.rest_response import encode_response

JSON_LENGTH = "inference-header-content-length"


class InferEndpoint:
    """Inference over REST, JSON and binary."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._reader = RestReader()

    def infer(self, request: Request) -> Answer:
        body = request.body
        inference = self._reader.read(body, json_length=_json_length(request))
        result = self._plane.infer(inference)
        if isinstance(result, asyncio.Future):
            return _later(result, inference)
        return _answer(result, inference)


async def _later(result: Awaitable[InferResponse], inference: InferRequest) -> Response:
    return _answer(await result, inference)


def _answer(response: InferResponse, inference: InferRequest) -> Response:
    body, json_length = encode_response(response, inference)
    if json_length is None:
        return Response(200, body)
    return Response(200, body, [("content-type", "application/octet-stream"), (JSON_LENGTH, str(json_length))])


def _json_length(request: Request) -> int | None:
    """Bytes of JSON before the binary tensors; None when the whole body is JSON."""
    told = request.headers.get(JSON_LENGTH)
    if told is None:
        return None
    if not (told.isascii() and told.isdigit()) or len(told) > 18 or int(told) > len(request.body):
        raise InvalidInput(
            f"Inference-Header-Content-Length must be a whole number of at most {len(request.body)}, the body's size,"
            f" not {told[:40]!r}"
        )
    return int(told)
