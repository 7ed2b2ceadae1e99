"""POST /predict and /invocations: the simple way, for payloads that people write by hand."""

import asyncio
from collections.abc import Awaitable

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.frames import decode_predict, encode_predictions
from modelyard_serving.http.exchange import Answer, Request, Response
from modelyard_serving.runtimes.base import Tensors

_CURL_DEFAULT = "application/x-www-form-urlencoded"
"""What `curl -d` says of every body unless it is told better. Nobody sends a form to a model: it is read as JSON."""


class PredictEndpoint:
    """The same inference as the protocol's, in the form of columns, records or rows."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._signature = plane.signature

    def predict(self, request: Request) -> Answer:
        content_type = request.headers.get("content-type")
        if content_type == _CURL_DEFAULT:
            content_type = None
        wanted = decode_predict(request.body, content_type, self._signature)
        result = self._plane.predict(wanted.inputs, outputs=wanted.outputs, parameters=wanted.parameters)
        if isinstance(result, asyncio.Future):
            return self._later(result)
        return self._answer(result)

    async def _later(self, result: Awaitable[Tensors]) -> Response:
        return self._answer(await result)

    def _answer(self, outputs: Tensors) -> Response:
        return Response(200, encode_predictions(outputs, self._signature))
