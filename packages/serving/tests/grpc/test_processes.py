"""gRPC under load, with slow predictions, many workers and the end, on real servers."""

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import grpc
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

StartServer = Callable[..., Any]
SERVICE = "/inference.GRPCInferenceService"


def request(seconds: float, *, model: str = "Sleeper") -> bytes:
    message = pb.ModelInferRequest(model_name=model)
    message.inputs.add(name="seconds", datatype="FP64", shape=[1]).contents.fp64_contents.append(seconds)
    return bytes(message.SerializeToString())


def infer(channel: grpc.Channel, seconds: float, *, timeout: float = 20, model: str = "Sleeper") -> float:
    answer = channel.unary_unary(f"{SERVICE}/ModelInfer")(request(seconds, model=model), timeout=timeout)
    return float(pb.ModelInferResponse.FromString(answer).outputs[0].contents.fp64_contents[0])


def is_ready(channel: grpc.Channel) -> bool:
    answer = channel.unary_unary(f"{SERVICE}/ServerReady")(b"", timeout=20)
    return bool(pb.ServerReadyResponse.FromString(answer).ready)


def channel_to(server: Any) -> grpc.Channel:
    """A channel with a connection of its own: channels to one address share theirs otherwise."""
    address = server.status().get("grpc_address") or server.status()["address"]
    return grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


class TestSlowPredictions:
    @pytest.mark.parametrize("model", ["Sleeper", "Busy"])
    def test_health_is_answered_while_they_run(self, start_server: StartServer, model: str) -> None:
        server = start_server(model, "--grpc-port", "0")
        with channel_to(server) as channel, ThreadPoolExecutor(1) as callers:
            slow = callers.submit(infer, channel, 3, model=model)
            for _ in range(30):
                assert is_ready(channel)
                assert not slow.done()  # How long an answer takes is measured in `benchmarks/robustness/health.py`.
            assert slow.result() == 3

    def test_a_deadline_holds_and_frees_the_queue(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--grpc-port", "0", "--max-concurrency", "1")
        with channel_to(server) as channel, ThreadPoolExecutor(8) as callers:
            first = callers.submit(infer, channel, 1.0)
            time.sleep(0.2)
            hopeless = [callers.submit(infer, channel, 1.0, timeout=0.3) for _ in range(5)]
            for call in hopeless:
                with pytest.raises(grpc.RpcError) as caught:
                    call.result()
                assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            asked = time.perf_counter()
            assert infer(channel, 0.0) == 0.0
            assert first.result() == 1.0
            assert time.perf_counter() - asked < 2.0  # Of the five abandoned seconds none was computed.

    def test_a_full_queue_is_unavailable_at_once(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--grpc-port", "0", "--max-concurrency", "1", "--max-queue", "2")
        with channel_to(server) as channel, ThreadPoolExecutor(8) as callers:
            asked = [callers.submit(infer, channel, 0.5) for _ in range(8)]
            codes = [_code(call) for call in asked]
        assert codes.count(grpc.StatusCode.OK) == 3
        assert codes.count(grpc.StatusCode.UNAVAILABLE) == 5

    def test_an_exception_of_the_model_does_not_reach_the_wire(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--grpc-port", "0")
        with channel_to(server) as channel, pytest.raises(grpc.RpcError) as caught:
            infer(channel, -2.0)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in caught.value.details()
        server.wait(lambda _: "a secret of the model" in server.log.read_text())

    def test_a_message_over_the_limit_is_refused_and_the_connection_lives_on(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--grpc-port", "0", "--max-body-bytes", "1000")
        with channel_to(server) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(f"{SERVICE}/ModelInfer")(b"x" * 100_000, timeout=20)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert infer(channel, 0.0) == 0.0


class TestWorkers:
    def test_they_share_the_port(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--grpc-port", "0", "--workers", "2", "--max-concurrency", "1")
        channels = [channel_to(server) for _ in range(16)]
        with ThreadPoolExecutor(16) as callers:
            began = time.perf_counter()
            assert list(callers.map(lambda channel: infer(channel, 0.2), channels)) == [0.2] * 16
            took = time.perf_counter() - began
        for channel in channels:
            channel.close()
        assert took < 16 * 0.2  # One worker alone would have needed that long.

    def test_while_none_is_ready_calls_are_unavailable_at_once(self, start_server: StartServer) -> None:
        server = start_server("Unloadable", "--grpc-port", "0", "--version", "7", is_awaited=False)
        server.wait(lambda status: bool(status["state"] == "failed"))
        with channel_to(server) as channel, pytest.raises(grpc.RpcError) as caught:
            infer(channel, 0.0)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "no worker is ready" in caught.value.details()
        assert dict(caught.value.trailing_metadata())["modelyard-version"] == "7"  # All that such an answer has.

    def test_one_that_dies_is_replaced_and_its_callers_get_an_error_at_once(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--grpc-port", "0")
        with channel_to(server) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                infer(channel, -1.0)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            server.wait(lambda status: bool(status["workers"][0]["restarts"] == 1 and status["state"] == "ready"))
        with channel_to(server) as channel:
            assert infer(channel, 0.0) == 0.0


class TestTheEnd:
    @pytest.mark.parametrize("options", [("--grpc-port", "0"), ()], ids=["a port of its own", "the port of HTTP"])
    def test_no_call_is_lost_when_the_server_stops_under_load(
        self, start_server: StartServer, options: tuple[str, ...]
    ) -> None:
        server = start_server("Sleeper", *options, "--lame-duck-s", "1")
        stop, codes = threading.Event(), list[grpc.StatusCode]()

        def call_on_and_on() -> None:
            with channel_to(server) as channel:
                while not stop.is_set():
                    try:
                        infer(channel, 0.02)
                    except grpc.RpcError as error:
                        codes.append(error.code())
                        return
                    codes.append(grpc.StatusCode.OK)

        callers = [threading.Thread(target=call_on_and_on) for _ in range(8)]
        for caller in callers:
            caller.start()
        time.sleep(0.5)
        with channel_to(server) as channel:
            assert is_ready(channel)
            server.signal(signal.SIGTERM)
            time.sleep(0.3)
        with channel_to(server) as late:
            assert not is_ready(late)
            stop.set()
            for caller in callers:
                caller.join()
            in_flight = ThreadPoolExecutor(1).submit(infer, late, 1.5)
            assert in_flight.result() == 1.5
        assert server.process.wait(20) == 0
        assert len(codes) > 50
        assert set(codes) == {grpc.StatusCode.OK}

    def test_scaling_down_moves_connections_to_the_workers_that_stay(
        self, start_server: StartServer, tmp_path: Any
    ) -> None:
        config = tmp_path / "config.json"
        config.write_text('{"workers": 2}')
        server = start_server("Sleeper", "--grpc-port", "0", "--config", str(config))
        stop, codes = threading.Event(), list[grpc.StatusCode]()

        def call_on_and_on() -> None:
            with channel_to(server) as channel:
                while not stop.is_set():
                    try:
                        infer(channel, 0.01)
                    except grpc.RpcError as error:
                        codes.append(error.code())
                    else:
                        codes.append(grpc.StatusCode.OK)

        callers = [threading.Thread(target=call_on_and_on) for _ in range(8)]
        for caller in callers:
            caller.start()
        time.sleep(0.3)
        config.write_text('{"workers": 1}')
        server.signal(signal.SIGHUP)
        server.wait(lambda status: bool(len(status["workers"]) == 1))
        time.sleep(0.3)
        stop.set()
        for caller in callers:
            caller.join()
        assert len(codes) > 50
        assert set(codes) == {grpc.StatusCode.OK}


def _code(call: "Future[float]") -> grpc.StatusCode:
    error = call.exception()
    return grpc.StatusCode.OK if error is None else error.code()  # type: ignore[attr-defined]  # It is an RpcError.
