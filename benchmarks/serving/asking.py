"""One request and its answer, read and compared with what the training process answers. Nothing is timed here."""

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.serving.cases import Case
from benchmarks.serving.dialects import Request
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers.peer import Place
from benchmarks.serving.workloads import Form

import grpc

_TIMEOUT_S = 30.0
_LARGEST_MESSAGE = 64 * 1024 * 1024
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: the predicted values, and how many bytes carried them."""

    values: Sequence[Any]
    size: int


def ask(place: Place, form: Form, request: Request) -> Answer:
    """One answer.

    Raises:
        Exception: nobody listens, the status is not the one of success, or the answer cannot be read.
    """
    if form is Form.GRPC:
        message = _ask_grpc(place, request)
        return Answer(request.read({}, message), len(message))
    connection = http.client.HTTPConnection("127.0.0.1", place.http_port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", request.path, request.body, dict(request.headers))
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.HTTPStatus.OK:
            raise BenchmarkError(f"{response.status}: {answer[:300].decode(errors='replace')}")
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(request.read(headers, answer), len(answer))
    finally:
        connection.close()


def is_right(values: Sequence[Any], case: Case, rows: int) -> bool:
    """Whether these are the answers of the process that trained the model: labels exactly, numbers nearly."""
    expected = np.asarray(case.answers[:rows])
    came = np.asarray(values)
    if came.shape != expected.shape:
        return False
    if expected.dtype.kind == "f":
        return bool(np.allclose(came, expected, rtol=_TOLERANCE, atol=_TOLERANCE))
    return bool((came == expected).all())


def check(place: Place, form: Form, request: Request, *, case: Case, rows: int) -> int:
    """How many bytes a right answer has.

    Raises:
        BenchmarkError: it is not right.
    """
    try:
        answer = ask(place, form, request)
    except Exception as error:
        raise BenchmarkError(f"no answer to {form} with {rows} rows of {case.model}: {error}") from error
    if not is_right(answer.values, case, rows):
        raise BenchmarkError(f"a wrong answer to {form} with {rows} rows of {case.model}: {str(answer.values)[:200]}")
    return answer.size


def _ask_grpc(place: Place, request: Request) -> bytes:
    options = [("grpc.max_receive_message_length", _LARGEST_MESSAGE), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{place.grpc_port}", options=options) as channel:
        answer: bytes = channel.unary_unary(request.path)(request.body, timeout=_TIMEOUT_S)
    return answer
