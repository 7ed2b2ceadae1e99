"""gRPC on the port of HTTP, on real servers: both are taken there, from the first byte to the last answer."""

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton

import grpc

StartServer = Callable[..., Any]
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def channel_to(address: str) -> grpc.Channel:
    """A channel with a connection of its own."""
    return grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)])


class TestOnePort:
    def test_a_stock_client_and_http_are_answered_at_the_same_address(self, start_server: StartServer) -> None:
        server = start_server("Doubler")
        with triton.InferenceServerClient(server.status()["address"]) as client:
            tensor = triton.InferInput("x", [2, 2], "FP64")
            tensor.set_data_from_numpy(ROWS)
            assert client.is_model_ready("Doubler")
            assert client.infer("Doubler", [tensor]).as_numpy("y").tolist() == (ROWS * 2).tolist()
            assert httpx.post(f"{server.url}/predict", json={"inputs": [[1.0, 2.0]]}).json() == {
                "predictions": [[2.0, 4.0]]
            }


class TestTheVersionThatWasMeant:
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, start_servers: StartServer) -> Any:
        return start_servers("Doubler", "--name", "twice", "--version", "7")

    def test_the_right_version_answers(self, server: Any) -> None:
        meant = {"modelyard-version": "7"}
        answer = httpx.post(f"{server.url}/predict", json={"inputs": [[1.0, 2.0]]}, headers=meant)
        assert answer.json() == {"predictions": [[2.0, 4.0]]}

    def test_another_one_refuses_so_that_the_request_can_be_sent_again(self, server: Any) -> None:
        for path in ("/predict", "/health", "/v2/models/twice", "/nowhere"):
            answer = httpx.get(f"{server.url}{path}", headers={"modelyard-version": "6"})
            sentence = "modelyard-version: this server has version '7' of the model, not '6'"
            assert (answer.status_code, answer.json()) == (421, {"error": sentence}), path
            assert answer.headers["modelyard-misdirected"] == "1"

    def test_over_grpc_the_connection_is_given_up_too(self, server: Any) -> None:
        states: list[grpc.ChannelConnectivity] = []
        with channel_to(server.status()["address"]) as channel:
            channel.subscribe(states.append)
            call = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
            call(b"", timeout=20, metadata=[("modelyard-version", "7")])
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", timeout=20, metadata=[("modelyard-version", "6")])
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert ("modelyard-misdirected", "1") in caught.value.initial_metadata() + caught.value.trailing_metadata()
            call(b"", timeout=20)
        assert grpc.ChannelConnectivity.IDLE in states  # GOAWAY: the next call came on another connection.
