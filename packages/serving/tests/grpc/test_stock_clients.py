"""Stock gRPC clients at their defaults, against a real server: both sides understand each other."""

import queue
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

import grpc
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

StartServer = Callable[..., Any]
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def triton_input(module: Any, rows: npt.NDArray[Any], *, name: str = "x") -> Any:
    tensor = module.InferInput(name, list(rows.shape), np_to_triton_dtype(rows.dtype))
    tensor.set_data_from_numpy(rows)
    return tensor


@pytest.fixture
def address(start_server: StartServer) -> str:
    return str(start_server("Doubler", "--grpc-port", "0").status()["grpc_address"])


class TestTriton:
    def test_everything_that_the_client_asks_by_default(self, address: str) -> None:
        with triton.InferenceServerClient(address) as client:
            assert client.is_server_live()
            assert client.is_server_ready()
            assert client.is_model_ready("Doubler")
            assert client.is_model_ready("Doubler", "1")
            assert client.get_server_metadata().name == "modelyard-serving"
            assert client.get_model_metadata("Doubler").inputs[0].name == "x"
            assert client.get_model_config("Doubler").config.input[0].name == "x"
            assert client.get_model_config("Doubler").config.max_batch_size > 0
            assert client.get_model_repository_index().models[0].state == "READY"
            assert client.infer("Doubler", [triton_input(triton, ROWS)]).as_numpy("y").tolist() == (ROWS * 2).tolist()
            stats = client.get_inference_statistics("Doubler").model_stats[0]
            assert (stats.inference_count, stats.inference_stats.success.count) == (2, 1)

    def test_a_model_is_found_under_whatever_name_mlflow_takes(self, start_server: StartServer) -> None:
        name = '50% a%2Fb größe 🦉 "it\'s"?#1'
        address = start_server("Doubler", "--name", name, "--grpc-port", "0").status()["grpc_address"]
        with triton.InferenceServerClient(str(address)) as client:
            assert client.is_model_ready(name, "1")
            assert client.get_model_metadata(name).name == name
            answer = client.infer(name, [triton_input(triton, ROWS)])
            assert (answer.get_response().model_name, answer.as_numpy("y").tolist()) == (name, (ROWS * 2).tolist())
            with pytest.raises(InferenceServerException, match="a%2Fc") as caught:
                client.infer("a%2Fc", [triton_input(triton, ROWS)])
            assert caught.value.status() == "StatusCode.NOT_FOUND"

    @pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
    def test_every_option_of_a_request(self, address: str, coding: str | None) -> None:
        with triton.InferenceServerClient(address) as client:
            answer = client.infer(
                "Doubler",
                [triton_input(triton, ROWS)],
                model_version="1",
                outputs=[triton.InferRequestedOutput("y")],
                request_id="seven",
                priority=1,
                timeout=5_000_000,
                client_timeout=20,
                headers={"x-request-id": "abc"},
                parameters={"mine": "a", "flag": True, "number": 3},
                compression_algorithm=coding,
            )
        assert answer.as_numpy("y").tolist() == (ROWS * 2).tolist()
        assert answer.get_response().id == "seven"

    @pytest.mark.parametrize("rows", [200, 60_000])
    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_a_compressed_call_gives_the_same_answer(self, address: str, coding: str, rows: int) -> None:
        message = pb.ModelInferRequest(model_name="Doubler", raw_input_contents=[bytes(rows * 16)])
        message.inputs.add(name="x", datatype="FP64", shape=[rows, 2])
        compression = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}[coding]
        with grpc.insecure_channel(address) as channel:
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            plain = infer(message.SerializeToString(), timeout=20)
            compressed = infer(message.SerializeToString(), timeout=20, compression=compression)

        assert compressed == plain

    def test_large_tensors_go_there_and_back(self, address: str) -> None:
        rows = np.random.default_rng(7).random((500_000, 2))
        with triton.InferenceServerClient(address) as client:
            assert np.array_equal(client.infer("Doubler", [triton_input(triton, rows)]).as_numpy("y"), rows * 2)

    def test_errors_are_reported_with_their_status(self, address: str) -> None:
        with triton.InferenceServerClient(address) as client:
            with pytest.raises(InferenceServerException, match="there is no input 'z'") as caught:
                client.infer("Doubler", [triton_input(triton, ROWS, name="z")])
            assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
            with pytest.raises(InferenceServerException, match="no model 'Größe'") as caught:
                client.infer("Größe", [triton_input(triton, ROWS)])
            assert caught.value.status() == "StatusCode.NOT_FOUND"
            with pytest.raises(InferenceServerException, match="--allow-repository-control") as caught:
                client.load_model("Doubler")
            assert caught.value.status() == "StatusCode.PERMISSION_DENIED"
            with pytest.raises(InferenceServerException) as caught:
                client.get_system_shared_memory_status()
            assert caught.value.status() == "StatusCode.UNIMPLEMENTED"

    def test_a_model_is_unloaded_and_loaded_where_a_flag_allows_it(self, start_server: StartServer) -> None:
        address = start_server("Doubler", "--grpc-port", "0", "--allow-repository-control").status()["grpc_address"]
        with triton.InferenceServerClient(address) as client:
            client.unload_model("Doubler")
            assert not client.is_model_ready("Doubler")
            client.load_model("Doubler")
            assert client.is_model_ready("Doubler")
            with pytest.raises(InferenceServerException, match="load takes no parameters"):
                client.load_model("Doubler", config="{}")
            with pytest.raises(InferenceServerException) as caught:
                client.load_model("Other")
            assert caught.value.status() == "StatusCode.NOT_FOUND"

    def test_a_stream_answers_each_request_and_goes_on_after_an_error(self, address: str) -> None:
        answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
        with triton.InferenceServerClient(address) as client:
            client.start_stream(callback=lambda result, error: answers.put((result, error)))
            client.async_stream_infer("Doubler", [triton_input(triton, ROWS)], request_id="1")
            client.async_stream_infer("Doubler", [triton_input(triton, ROWS, name="z")], request_id="2")
            client.async_stream_infer("Doubler", [triton_input(triton, ROWS)], request_id="3")
            actual = [answers.get(timeout=20) for _ in range(3)]
            client.stop_stream()

        assert [result.get_response().id if result else str(error)[:18] for result, error in actual] == [
            "1",
            "there is no input ",
            "3",
        ]

    def test_many_requests_at_once_on_one_connection_get_their_own_answers(self, address: str) -> None:
        answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
        with triton.InferenceServerClient(address) as client:
            for number in range(200):
                rows = np.full((1, 2), float(number))
                client.async_infer(
                    "Doubler",
                    [triton_input(triton, rows)],
                    callback=lambda result, error: answers.put((result, error)),
                    request_id=str(number),
                )
            actual = [answers.get(timeout=20) for _ in range(200)]

        assert all(error is None for _, error in actual)
        assert {result.get_response().id: result.as_numpy("y")[0, 0] for result, _ in actual} == {
            str(number): number * 2.0 for number in range(200)
        }

    @pytest.mark.anyio
    async def test_the_asyncio_twin(self, address: str) -> None:
        async def requests() -> AsyncIterator[dict[str, Any]]:
            for number in range(3):
                yield {
                    "model_name": "Doubler",
                    "inputs": [triton_input(triton_aio, ROWS)],
                    "request_id": str(number),
                }

        async with triton_aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            answer = await client.infer("Doubler", [triton_input(triton_aio, ROWS)])
            assert answer.as_numpy("y").tolist() == (ROWS * 2).tolist()
            ids = [result.get_response().id async for result, _ in client.stream_infer(requests())]
            assert ids == ["0", "1", "2"]


class TestProbes:
    def test_health_is_reported_for_the_server_and_its_services(self, address: str) -> None:
        with grpc.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for service in ("", "inference.GRPCInferenceService"):
                answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.RpcError) as caught:
                health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=20)
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND

    def test_a_watcher_hears_of_every_change_and_of_the_end(self, start_server: StartServer) -> None:
        server = start_server("Doubler", "--grpc-port", "0", "--allow-repository-control")
        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        address = server.status()["grpc_address"]
        with grpc.insecure_channel(address) as channel, triton.InferenceServerClient(address) as client:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
            unknown = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="x"), timeout=60)
            assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            assert next(watch).status == serving
            client.unload_model("Doubler")
            assert next(watch).status == not_serving
            client.load_model("Doubler")
            assert next(watch).status == serving
            server.signal(signal.SIGTERM)
            assert next(watch).status == not_serving
            with pytest.raises(grpc.RpcError) as caught:
                next(watch)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert server.process.wait(20) == 0

    def test_reflection_tells_the_services_and_their_files(self, address: str) -> None:
        with grpc.insecure_channel(address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            assert "inference.GRPCInferenceService" in database.get_services()
            assert "grpc.health.v1.Health" in database.get_services()
            file = database.FindFileContainingSymbol("inference.GRPCInferenceService.ModelInfer")
            assert file.package == "inference"
            assert database.FindFileByName(file.name) == file
            assert database.FindFileContainingSymbol("inference.DataType").name == file.name
            with pytest.raises(KeyError):
                database.FindFileContainingSymbol("inference.Nothing")


class TestOtherCallers:
    def test_an_unknown_method_is_reported(self, address: str) -> None:
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/some.Other/Method")(b"", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert "there is no method /some.Other/Method" in caught.value.details()
