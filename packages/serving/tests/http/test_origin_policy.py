"""Foreign pages and callers who mean another model, on a real server, over HTTP and gRPC."""

import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import grpc
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

StartServer = Callable[..., Any]
ROUTES = [
    ("GET", "/health"),
    ("GET", "/metadata"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("POST", "/predict"),
    ("POST", "/invocations"),
    ("GET", "/v2"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/twice"),
    ("POST", "/v2/models/twice/infer"),
    ("POST", "/v2/repository/index"),
    ("GET", "/nowhere"),
]
BODY = {"inputs": [[1.0, 2.0]]}


@pytest.fixture(scope="module")
def server(start_servers: StartServer) -> Any:
    tracking = "http://somebody:secret@mlflow.models.svc:5000/mlflow"
    named = ["--name", "twice", "--version", "7", "--mlflow-uri", tracking]
    return start_servers("Doubler", *named, "--grpc-port", "0")


class TestForeignPages:
    @pytest.mark.parametrize(
        "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
    )
    def test_they_are_refused_on_every_route(self, server: Any, headers: dict[str, str]) -> None:
        for method, path in ROUTES:
            answer = httpx.request(
                method, server.url + path, headers=headers, content=b"{}" if method == "POST" else None
            )
            assert (answer.status_code, list(answer.json())) == (403, ["error"]), path

    def test_they_are_refused_before_their_body_is_read(self, server: Any) -> None:
        host, _, port = server.status()["address"].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000000\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 403"

    def test_a_page_of_the_servers_own_may_predict(self, server: Any) -> None:
        headers = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
        assert httpx.post(f"{server.url}/predict", json=BODY, headers=headers).json() == {"predictions": [[2.0, 4.0]]}

    def test_a_proxys_page_is_refused_over_grpc(self, server: Any) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            infer(server, ("origin", "http://evil.example"))
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


class TestNamedModel:
    @pytest.mark.parametrize("named", ["twice", "twice/7"])
    def test_a_caller_who_means_this_one_is_answered(self, server: Any, named: str) -> None:
        answer = httpx.post(f"{server.url}/predict", json=BODY, headers={"modelyard-model": named})
        assert answer.json() == {"predictions": [[2.0, 4.0]]}
        assert infer(server, ("modelyard-model", named)) == [2.0, 4.0]

    @pytest.mark.parametrize(
        ("named", "reported"),
        [("thrice", "'thrice'"), ("twice/8", "'twice' in version '8'"), ("M%C3%BChle", "'M\u00fchle'")],
    )
    def test_a_caller_who_means_another_one_gets_both_names(self, server: Any, named: str, reported: str) -> None:
        sentence = f"modelyard-model: this server has model 'twice' in version '7', not {reported}"
        for method, path in ROUTES:
            answer = httpx.request(method, server.url + path, headers={"modelyard-model": named})
            assert (answer.status_code, answer.json()) == (409, {"error": sentence}), path
        with pytest.raises(grpc.RpcError) as caught:
            infer(server, ("modelyard-model", named))
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, sentence)

    def test_a_wrong_path_names_both_models(self, server: Any) -> None:
        answer = httpx.post(f"{server.url}/v2/models/thrice/infer", json=BODY)
        assert (answer.status_code, answer.json()) == (
            404,
            {"error": "there is no model 'thrice': this server has 'twice'"},
        )


class TestMetadata:
    def test_versions_are_strings_and_the_tracking_server_has_an_address_without_a_password(self, server: Any) -> None:
        assert httpx.get(f"{server.url}/metadata").json() == {
            "model_name": "twice",
            "model_version": "7",
            "run_id": None,
            "mlflow_uri": "http://mlflow.models.svc:5000/mlflow",
            "model_loaded": True,
            "device": "cpu",
        }
        model = {"name": "twice", "version": "7", "run_id": None}
        assert httpx.get(f"{server.url}/health").json() == {"status": "healthy", "model": model}


class TestCurl:
    def test_a_body_without_a_type_or_with_that_of_a_form_is_json(self, server: Any) -> None:
        tensor = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}'
        for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
            for path in ("/predict", "/invocations"):
                answer = httpx.post(server.url + path, content=b'{"inputs": [[1, 2]]}', headers=headers)
                assert answer.json() == {"predictions": [[2.0, 4.0]]}, path
            answer = httpx.post(f"{server.url}/v2/models/twice/infer", content=tensor, headers=headers)
            assert answer.json()["outputs"][0]["data"] == [2.0, 4.0]
            index = httpx.post(f"{server.url}/v2/repository/index", content=b'{"ready": true}', headers=headers)
            assert index.json()[0]["name"] == "twice"


def infer(server: Any, *metadata: tuple[str, str]) -> list[float]:
    message = pb.ModelInferRequest(model_name="twice")
    message.inputs.add(name="x", datatype="FP64", shape=[1, 2]).contents.fp64_contents.extend([1.0, 2.0])
    with grpc.insecure_channel(server.status()["grpc_address"]) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        answer = call(message.SerializeToString(), timeout=20, metadata=metadata)
    return list(pb.ModelInferResponse.FromString(answer).outputs[0].contents.fp64_contents)
