"""The two forms of an inference over HTTP: the protocol's `infer`, JSON and binary, and `/predict` for people."""

import threading

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import InvalidInput
from modelyard_serving.execution.executor import Prediction
from modelyard_serving.frames import TABLES, decode_predict, encode_predictions, media_type
from modelyard_serving.http.errors import error_response
from modelyard_serving.http.exchange import Request, Response
from modelyard_serving.inference import LARGE_BYTES, Job
from modelyard_serving.observers.observer import Carrier
from modelyard_serving.protocol.messages import InferRequest
from modelyard_serving.protocol.rest_request import RestReader, read_raw
from modelyard_serving.protocol.rest_response import encode_response
from modelyard_serving.runtimes.base import Tensors

JSON_LENGTH = "inference-header-content-length"
_CURL_DEFAULT = "application/x-www-form-urlencoded"
"""The content type of `curl -d` without a header. No client sends a form to a model: the body is read as JSON."""


_TIMEOUT_HEADERS = ("x-request-timeout-ms", "x-envoy-expected-rq-timeout-ms")


class _Http:
    """Shared by all forms over HTTP."""

    def is_long(self, request: Request) -> bool:
        """Most forms are as long as their bytes."""
        return len(request.body) > LARGE_BYTES

    def size(self, request: Request) -> int:
        return len(request.body)

    def timeout_s(self, request: Request) -> float | None:
        """The shortest timeout of the headers; 0 milliseconds are no limit."""
        shortest: float | None = None
        for name in _TIMEOUT_HEADERS:
            value = request.headers.get(name)
            if value is None:
                continue
            if not (value.isascii() and value.isdigit()):
                raise InvalidInput(f"{name} must be a whole number of milliseconds, not {value[:40]!r}")
            if milliseconds := int(value[:12]):
                shortest = min(milliseconds / 1000, shortest or float("inf"))
        return shortest

    def refuse(self, error: BaseException, request: Request) -> Response:
        return error_response(error, request)

    def origin(self, request: Request) -> tuple[str, Carrier]:
        return request.path, request.headers


class _Readers(threading.local):
    def __init__(self) -> None:
        self.callback = RestReader()


class InferCodec(_Http):
    """The protocol's own form."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._readers = _Readers()

    def decode(self, request: Request) -> Job:
        inference = self._read(request)
        inputs = self._plane.check(inference)
        outputs = None if inference.outputs is None else [output.name for output in inference.outputs]
        return Job(inputs, outputs, inference.parameters, inference)

    def encode(self, prediction: Prediction[Tensors], job: Job) -> Response:
        if job.origin is None:
            raise TypeError("a job of another codec")
        body, json_length = encode_response(self._plane.build_response(prediction, job.origin), job.origin)
        if json_length is None:
            return Response(200, body)
        return Response(200, body, [("content-type", "application/octet-stream"), (JSON_LENGTH, str(json_length))])

    def _read(self, request: Request) -> InferRequest:
        value = request.headers.get(JSON_LENGTH)
        if value is None:
            return self._readers.callback.read(request.body)
        if not (value.isascii() and value.isdigit()) or len(value) > 18 or int(value) > len(request.body):
            raise InvalidInput(
                f"Inference-Header-Content-Length must be a whole number of at most {len(request.body)}, the size of"
                f" the body, not {value[:40]!r}"
            )
        if int(value) == 0:
            return read_raw(request.body, self._plane.signature)
        return self._readers.callback.read(request.body, json_length=int(value))


class PredictCodec(_Http):
    """Columns, records, rows, CSV, Arrow and Parquet in; `predictions` out."""

    def __init__(self, plane: DataPlane) -> None:
        self._signature = plane.signature

    def is_long(self, request: Request) -> bool:
        """Arrow and Parquet can say a lot in few bytes."""
        return super().is_long(request) or media_type(request.headers.get("content-type")) in TABLES

    def decode(self, request: Request) -> Job:
        content_type = request.headers.get("content-type")
        if content_type == _CURL_DEFAULT:
            content_type = None
        requested = decode_predict(request.body, content_type, self._signature)
        return Job(requested.inputs, requested.outputs, requested.parameters)

    def encode(self, prediction: Prediction[Tensors], job: Job) -> Response:  # noqa: ARG002  # The form of all codecs.
        return Response(200, encode_predictions(prediction.outputs, self._signature))
