"""Stock clients at their defaults, against a real server: both sides understand each other."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

StartServer = Callable[..., Any]
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def triton_input(module: Any, rows: npt.NDArray[Any], *, name: str = "x", binary: bool = True) -> Any:
    tensor = module.InferInput(name, list(rows.shape), np_to_triton_dtype(rows.dtype))
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return tensor


@pytest.fixture
def address(start_server: StartServer) -> str:
    return str(start_server("Doubler").status()["address"])


class TestTriton:
    def test_everything_that_the_client_asks_by_default(self, address: str) -> None:
        with triton.InferenceServerClient(address) as client:
            assert client.is_server_live()
            assert client.is_server_ready()
            assert client.is_model_ready("Doubler")
            assert client.is_model_ready("Doubler", "1")
            assert not client.is_model_ready("Other")
            assert client.get_server_metadata()["name"] == "modelyard-serving"
            assert client.get_model_metadata("Doubler")["inputs"][0]["name"] == "x"
            assert client.get_model_config("Doubler")["max_batch_size"] > 0
            assert client.get_model_repository_index()[0]["state"] == "READY"
            assert client.get_inference_statistics("Doubler")["model_stats"][0]["name"] == "Doubler"
            answer = client.infer("Doubler", [triton_input(triton, ROWS)])
            assert answer.as_numpy("y").tolist() == (ROWS * 2).tolist()

    @pytest.mark.parametrize("form_in", ["json", "binary"])
    @pytest.mark.parametrize("form_out", ["json", "binary"])
    @pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
    def test_every_form_of_a_request(self, address: str, form_in: str, form_out: str, coding: str | None) -> None:
        with triton.InferenceServerClient(address) as client:
            answer = client.infer(
                "Doubler",
                [triton_input(triton, ROWS, binary=form_in == "binary")],
                outputs=[triton.InferRequestedOutput("y", binary_data=form_out == "binary")],
                request_id="seven",
                priority=1,
                timeout=5_000_000,
                query_params={"test_1": 1},
                request_compression_algorithm=coding,
                response_compression_algorithm=coding,
            )
        assert answer.as_numpy("y").tolist() == (ROWS * 2).tolist()
        assert answer.get_response()["id"] == "seven"

    def test_an_error_is_reported(self, address: str) -> None:
        with (
            triton.InferenceServerClient(address) as client,
            pytest.raises(InferenceServerException, match="there is no input 'z'"),
        ):
            client.infer("Doubler", [triton_input(triton, ROWS, name="z")])

    @pytest.mark.anyio
    async def test_the_asyncio_twin(self, address: str) -> None:
        async with triton_aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            answer = await client.infer("Doubler", [triton_input(triton_aio, ROWS)])
            assert answer.as_numpy("y").tolist() == (ROWS * 2).tolist()


class TestCurl:
    @pytest.mark.parametrize(
        ("path", "body", "expected"),
        [
            ("/predict", {"inputs": [[1, 2]]}, {"predictions": [[2.0, 4.0]]}),
            ("/invocations", {"inputs": [[1, 2]]}, {"predictions": [[2.0, 4.0]]}),
        ],
    )
    def test_data_without_a_content_type(self, address: str, path: str, body: Any, expected: Any) -> None:
        command = ["curl", "--silent", "--fail", "--data", json.dumps(body), f"http://{address}{path}"]
        reported = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
        assert json.loads(reported) == expected
