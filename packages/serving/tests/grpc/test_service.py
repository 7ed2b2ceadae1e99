"""The service's methods, called with bytes in this process."""

import logging
from collections.abc import AsyncIterator, Awaitable

import pytest
from planes import ANYWHERE, MODEL_NAME, bench
from sample_models import Doubler, Sleeper

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.calls import Context
from modelyard_serving.grpc.service import ModelService
from modelyard_serving.grpc.status import Code, Metadata, ResponseHeads, describe_error, percent_encoded
from modelyard_serving.metrics.cells import Outcome
from modelyard_serving.observers import Observation
from modelyard_serving.protocol.proto import health_pb2
from modelyard_serving.protocol.proto import open_inference_pb2 as pb
from modelyard_serving.user_model import UserModel

pytestmark = pytest.mark.anyio
NOBODY = Metadata({})
INFER = b"/inference.GRPCInferenceService/ModelInfer"


class Observer:
    """Remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def observe(self, observation: Observation) -> None:
        self.seen.append(observation)

    def close(self) -> None:
        pass


def _service(model: UserModel, observer: Observer | None = None) -> ModelService:
    one = bench(model)
    one.plane.observers = [observer] if observer else []
    return ModelService(one.plane, one.metrics, sources=ANYWHERE)


def _request(name: str, *values: float, model: str = MODEL_NAME) -> bytes:
    message = pb.ModelInferRequest(model_name=model)
    shape = [1, len(values)] if name == "x" else [len(values)]
    message.inputs.add(name=name, datatype="FP64", shape=shape).contents.fp64_contents.extend(values)
    return bytes(message.SerializeToString())


async def _call(service: ModelService, path: bytes, message: bytes, metadata: Metadata = NOBODY) -> bytes:
    answer = service.unary[path](message, Context(metadata))
    reply = await answer if isinstance(answer, Awaitable) else answer
    if isinstance(reply, BaseException):
        raise reply
    return reply


class TestInference:
    async def test_what_was_answered_is_witnessed_with_its_tensors_and_metadata(self) -> None:
        observer = Observer()
        service = _service(Doubler(), observer)
        metadata = Metadata({b"x-request-id": b"r7", b"traceparent": b"00-1-2-01"})

        await _call(service, INFER, _request("x", 1.0, 2.0), metadata)

        (seen,) = observer.seen
        assert (seen.outcome, seen.verb) == (Outcome.OK, "inference.GRPCInferenceService/ModelInfer")
        assert seen.carrier.get("x-request-id") == "r7"
        assert seen.inputs is not None
        assert seen.outputs is not None
        assert (seen.outputs["y"] == seen.inputs["x"] * 2).all()

    @pytest.mark.parametrize(
        ("message", "kind"),
        [
            (_request("z", 1.0), Kind.INVALID),
            (_request("x", 1.0, 2.0, model="other"), Kind.NOT_FOUND),
            (b"\xff\xff", Kind.INVALID),
        ],
    )
    async def test_what_was_refused_is_witnessed_too(self, message: bytes, kind: Kind) -> None:
        observer = Observer()
        service = _service(Doubler(), observer)

        with pytest.raises(ServingError) as caught:
            await _call(service, INFER, message)

        assert caught.value.kind is kind
        assert [seen.outcome for seen in observer.seen] == [Outcome(kind)]

    async def test_a_stream_tells_a_fault_of_the_model_by_its_request_id(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def requests() -> AsyncIterator[bytes]:
            yield _request("seconds", -2.0)

        service = _service(Sleeper())
        stream = service.streaming[b"/inference.GRPCInferenceService/ModelStreamInfer"]
        with caplog.at_level(logging.ERROR):
            answers = [each async for each in stream(requests(), Context(Metadata({b"x-request-id": b"r9"})))]

        message = pb.ModelStreamInferResponse.FromString(answers[0]).error_message
        assert message == "the model failed to predict; the log says why under request id r9"
        assert "a secret of the model" in caplog.text
        assert vars(caplog.records[0])["request_id"] == "r9"


class TestReadiness:
    async def test_a_server_that_leaves_is_not_ready_and_not_serving(self) -> None:
        one = bench(Doubler())
        service = ModelService(one.plane, one.metrics, sources=ANYWHERE)
        one.plane.begin_drain()

        ready = await _call(service, b"/inference.GRPCInferenceService/ServerReady", b"")
        health = await _call(service, b"/grpc.health.v1.Health/Check", b"")

        assert not pb.ServerReadyResponse.FromString(ready).ready
        assert health_pb2.HealthCheckResponse.FromString(health).status == 2


class TestStatus:
    def test_every_kind_of_error_has_a_code(self) -> None:
        assert {describe_error(ServingError("no", kind=kind), NOBODY)[0] for kind in Kind} == set(Code) - {Code.OK}

    def test_an_error_that_is_not_ours_keeps_its_text_to_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR):
            code, message = describe_error(RuntimeError("a secret"), NOBODY)

        assert code is Code.INTERNAL
        assert "secret" not in message
        assert "a secret" in caplog.text

    def test_messages_are_quoted_as_percent_encoded_utf8(self) -> None:
        assert percent_encoded("100 % größer\n") == b"100 %25 gr%C3%B6%C3%9Fer%0A"

    def test_a_long_message_does_not_make_headers_that_clients_refuse(self) -> None:
        block = ResponseHeads("3").failure(ServingError("ß" * 100_000, kind=Kind.INVALID), NOBODY)

        assert len(block) < 6_200
        assert percent_encoded("ß" * 100_000).count(b"%") == 2000
