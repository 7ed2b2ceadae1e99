"""Every path of a model server: what it answers, and that every error has the one body."""

import gzip
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planes import MODEL_NAME, Bench, bench
from sample_models import Doubler, Sleeper

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.http.exchange import Response
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature, TensorSpec

pytestmark = pytest.mark.anyio

MODEL = f"/v2/models/{MODEL_NAME}"
ROW = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}]}
HEADER = "inference-header-content-length"


def content(response: Response) -> Any:
    return json.loads(response.body)


def seconds(value: float, **parameters: Any) -> dict[str, Any]:
    tensor = {"name": "seconds", "shape": [1], "datatype": "FP64", "data": [value]}
    return {"inputs": [tensor], "parameters": parameters}


def assert_is_error(response: Response, status: int) -> str:
    """It has the one body that all errors have; returns its sentence."""
    assert response.status == status
    assert dict(response.headers)["content-type"] == "application/json"
    body = content(response)
    assert isinstance(body["error"], str)
    return str(body["error"])


@pytest.fixture
async def doubler() -> Bench:
    return bench(Doubler())


class Costly(Doubler):
    """Its second output comes only to who names it."""

    signature = Signature(
        inputs=Doubler.signature.inputs,
        outputs=(*Doubler.signature.outputs, TensorSpec("sum", Datatype.FP64, (-1,), optional=True)),
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return {"y": inputs["x"] * 2, "sum": inputs["x"].sum(axis=1)}


class TestOptionalOutputs:
    async def test_the_metadata_lists_what_comes_unasked_and_tells_the_rest_in_its_properties(self) -> None:
        costly = bench(Costly())
        metadata = content(await costly.ask("GET", MODEL))
        assert [output["name"] for output in metadata["outputs"]] == ["y"]
        assert metadata["properties"] == {"optional_outputs": "sum"}

    async def test_they_come_to_who_names_them(self) -> None:
        costly = bench(Costly())
        unasked = content(await costly.infer(ROW))
        assert [output["name"] for output in unasked["outputs"]] == ["y"]
        asked = content(await costly.infer({**ROW, "outputs": [{"name": "sum"}]}))
        assert [(output["name"], output["data"]) for output in asked["outputs"]] == [("sum", [3.0])]


class TestDescriptions:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("/v2/health/live", {"live": True}),
            ("/v2/health/ready", {"live": True, "ready": True}),
            (f"{MODEL}/ready", {"name": MODEL_NAME, "ready": True}),
            (f"{MODEL}/versions/3/ready", {"name": MODEL_NAME, "ready": True}),
            ("/v2/models", {"models": [MODEL_NAME]}),
            (
                MODEL,
                {
                    "name": MODEL_NAME,
                    "versions": ["3"],
                    "platform": "modelyard_python",
                    "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}],
                    "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1, 2]}],
                },
            ),
            ("/health", {"status": "healthy", "model": {"name": MODEL_NAME, "version": "3", "run_id": "r1"}}),
            (
                "/metadata",
                {
                    "model_name": MODEL_NAME,
                    "model_version": "3",
                    "run_id": "r1",
                    "mlflow_uri": "http://mlflow:5000",
                    "device": "cpu",
                    "model_loaded": True,
                },
            ),
        ],
    )
    async def test_what_the_server_says_of_itself(self, doubler: Bench, path: str, expected: dict[str, Any]) -> None:
        response = await doubler.ask("GET", path)
        assert (response.status, content(response)) == (200, expected)
        assert (await doubler.ask("GET", f"{path}/")).status == 200

    async def test_the_server_tells_its_name_version_and_extensions(self, doubler: Bench) -> None:
        reported = content(await doubler.ask("GET", "/v2"))
        assert reported["name"] == "modelyard-serving"
        assert "binary_tensor_data" in reported["extensions"]

    async def test_a_server_that_leaves_is_live_and_not_ready(self, doubler: Bench) -> None:
        doubler.plane.begin_drain()
        assert (await doubler.ask("GET", "/v2/health/live")).status == 200
        for path in ("/v2/health/ready", f"{MODEL}/ready"):
            response = await doubler.ask("GET", path)
            assert_is_error(response, 503)
            assert content(response)["ready"] is False
        assert (await doubler.ask("GET", "/health")).status == 503
        assert (await doubler.infer(ROW)).status == 200

    async def test_the_repository_has_one_model(self, doubler: Bench) -> None:
        entry = {"name": MODEL_NAME, "version": "3", "state": "READY", "reason": ""}
        assert content(await doubler.ask("POST", "/v2/repository/index")) == [entry]
        doubler.plane.begin_drain()
        assert content(await doubler.ask("POST", "/v2/repository/index", {"ready": True})) == []
        assert_is_error(await doubler.ask("POST", "/v2/repository/index", {"ready": 1}), 400)
        assert_is_error(await doubler.ask("POST", "/v2/repository/index", b"["), 400)

    async def test_head_is_get_and_the_query_is_nobodys_business(self, doubler: Bench) -> None:
        assert (await doubler.ask("HEAD", "/v2/health/live")).status == 200


class FakeRepository:
    """Loads and unloads in this process alone."""

    def __init__(self, served: Bench) -> None:
        self._served = served
        self.error: ServingError | None = None

    async def load(self) -> None:
        if self.error is not None:
            raise self.error
        again = bench(Doubler())
        self._served.plane.replace(again.plane.served, again.executor)

    async def unload(self) -> None:
        self._served.plane.unload()


class TestRepository:
    LOAD, UNLOAD = (f"/v2/repository/models/{MODEL_NAME}/{verb}" for verb in ("load", "unload"))

    async def test_control_needs_to_be_allowed(self, doubler: Bench) -> None:
        for path in (self.LOAD, self.UNLOAD):
            assert "--allow-repository-control" in assert_is_error(await doubler.ask("POST", path), 403)

    async def test_an_unloaded_model_is_not_ready_and_refuses_until_it_is_loaded(self, doubler: Bench) -> None:
        doubler.plane.repository = FakeRepository(doubler)
        response = await doubler.ask("POST", self.UNLOAD, {"parameters": {"unload_dependents": False}})
        assert (response.status, response.body) == (200, b"")
        assert (await doubler.ask("GET", "/v2/health/live")).status == 200
        assert (await doubler.ask("GET", "/v2/health/ready")).status == 503
        assert "unloaded" in assert_is_error(await doubler.infer(ROW), 503)
        (entry,) = content(await doubler.ask("POST", "/v2/repository/index"))
        assert (entry["state"], entry["reason"]) == ("UNAVAILABLE", "unloaded")
        assert (await doubler.ask("POST", self.LOAD)).status == 200
        assert (await doubler.infer(ROW)).status == 200

    async def test_a_load_that_fails_is_reported_and_takes_no_parameters(self, doubler: Bench) -> None:
        repository = FakeRepository(doubler)
        repository.error = ServingError("broken", kind=Kind.INVALID)
        doubler.plane.repository = repository
        assert assert_is_error(await doubler.ask("POST", self.LOAD), 400) == "broken"
        assert_is_error(await doubler.ask("POST", self.LOAD, {"parameters": {"config": "{}"}}), 400)
        assert (await doubler.infer(ROW)).status == 200

    async def test_another_name_or_version_needs_another_server(self, doubler: Bench) -> None:
        again = bench(Doubler())
        other = replace(again.plane.served, version="4")
        with pytest.raises(ServingError, match="now has model 'sample' in version '4'"):
            doubler.plane.replace(other, again.executor)
        assert (await doubler.infer(ROW)).status == 200


class TestInfer:
    async def test_a_prediction_with_its_id(self, doubler: Bench) -> None:
        for path in (f"{MODEL}/infer", f"{MODEL}/versions/3/infer"):
            response = await doubler.ask("POST", path, {"id": "7", **ROW})
            assert content(response) == {
                "model_name": MODEL_NAME,
                "model_version": "3",
                "id": "7",
                "outputs": [{"name": "y", "datatype": "FP64", "shape": [1, 2], "data": [2.0, 4.0]}],
            }

    async def test_binary_in_and_out(self, doubler: Bench) -> None:
        head = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}]}
        text = json.dumps({**head, "parameters": {"binary_data_output": True}}).encode()
        body = text + np.array([1.0, 2.0]).tobytes()
        response = await doubler.infer(body, **{HEADER: str(len(text))})
        headers = dict(response.headers)
        assert headers["content-type"] == "application/octet-stream"
        assert np.frombuffer(response.body[int(headers[HEADER]) :]).tolist() == [2.0, 4.0]

    async def test_the_whole_body_may_be_the_input(self, doubler: Bench) -> None:
        response = await doubler.infer(np.array([1.0, 2.0]).tobytes(), **{HEADER: "0"})
        assert np.frombuffer(response.body[int(dict(response.headers)[HEADER]) :]).tolist() == [2.0, 4.0]

    @pytest.mark.parametrize("reported", ["-1", "1000000", "x", "1.5", "99999999999999999999", "²", ""])
    async def test_a_wrong_length_of_the_json_is_refused(self, doubler: Bench, reported: str) -> None:
        sentence = assert_is_error(await doubler.infer(ROW, **{HEADER: reported}), 400)
        assert "Inference-Header-Content-Length" in sentence

    async def test_a_large_body_is_answered_the_same(self, doubler: Bench) -> None:
        rows = np.arange(60_000.0).reshape(-1, 2)
        tensor = {"name": "x", "shape": list(rows.shape), "datatype": "FP64", "data": rows.tolist()}
        response = await doubler.infer({"inputs": [tensor]})
        assert content(response)["outputs"][0]["data"] == (rows.ravel() * 2).tolist()
        assert_is_error(await doubler.infer({"inputs": [{**tensor, "name": "z"}]}), 400)

    @pytest.mark.parametrize("path", [f"{MODEL}/infer", "/predict", "/invocations"])
    async def test_what_is_no_json_is_refused(self, doubler: Bench, path: str) -> None:
        assert "JSON" in assert_is_error(await doubler.ask("POST", path, b"{"), 400)

    async def test_an_error_does_not_send_a_whole_body_back(self, doubler: Bench) -> None:
        tensor = {"name": "z" * 1_000_000, "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}
        reported = assert_is_error(await doubler.infer({"inputs": [tensor]}), 400)
        assert reported.startswith("there is no input 'zzz")
        assert len(reported) < 10_000


class TestPredict:
    @pytest.mark.parametrize("path", ["/predict", "/invocations"])
    async def test_rows_come_back_as_predictions(self, doubler: Bench, path: str) -> None:
        response = await doubler.ask("POST", path, {"inputs": [[1, 2], [3, 4]]})
        assert content(response) == {"predictions": [[2.0, 4.0], [6.0, 8.0]]}

    async def test_what_curl_calls_a_form_is_json(self, doubler: Bench) -> None:
        headers = {"content_type": "application/x-www-form-urlencoded"}
        assert (await doubler.ask("POST", "/predict", {"inputs": [[1, 2]]}, **headers)).status == 200

    async def test_an_unknown_content_type_is_415(self, doubler: Bench) -> None:
        assert_is_error(await doubler.ask("POST", "/predict", b"x", content_type="text/html"), 415)


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/nothing", 404),
            ("GET", "/", 404),
            ("GET", "/v2/models/other", 404),
            ("POST", "/v2/models/other/infer", 404),
            ("GET", f"{MODEL}/versions/4", 404),
            ("GET", f"{MODEL}/nothing", 404),
            ("GET", "/v2/models/%2e%2e/ready", 404),
            ("GET", f"{MODEL}/infer", 405),
            ("PUT", "/v2", 405),
            ("DELETE", "/predict", 405),
        ],
    )
    async def test_what_is_not_there_has_the_one_body(
        self, doubler: Bench, method: str, path: str, status: int
    ) -> None:
        response = await doubler.ask(method, path)
        assert_is_error(response, status)
        assert (status == 405) == ("allow" in dict(response.headers))

    async def test_a_model_or_version_that_is_not_there_is_reported_with_what_is(self, doubler: Bench) -> None:
        assert "there is no model 'other'" in assert_is_error(await doubler.ask("GET", "/v2/models/other"), 404)
        sentence = assert_is_error(await doubler.ask("GET", f"{MODEL}/versions/4"), 404)
        assert sentence == f"model '{MODEL_NAME}' has no version '4': this server has '3'"

    async def test_a_fault_of_the_model_keeps_its_secret_and_is_logged_by_its_id(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        plane = bench(Sleeper())
        response = await plane.infer(seconds(-2))
        identity = dict(response.headers)["x-request-id"]
        assert "secret" not in assert_is_error(response, 500)
        assert identity in content(response)["error"]
        record = next(record for record in caplog.records if getattr(record, "request_id", None) == identity)
        assert record.exc_info is not None
        assert "a secret of the model" in str(record.exc_info[1])

    async def test_the_callers_own_request_id_comes_back(self, doubler: Bench) -> None:
        for path in ("/v2", "/nothing"):
            response = await doubler.ask("GET", path, x_request_id="mine")
            assert dict(response.headers)["x-request-id"] == "mine"


class TestCodings:
    @pytest.mark.parametrize(
        ("coding", "compress"),
        [
            ("gzip", gzip.compress),
            ("deflate", zlib.compress),
            ("deflate", lambda body: zlib.compress(body)[2:-4]),
            ("identity", bytes),
            ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
        ],
    )
    async def test_bodies_may_come_packed(self, doubler: Bench, coding: str, compress: Any) -> None:
        response = await doubler.infer(compress(json.dumps(ROW).encode()), content_encoding=coding)
        assert response.status == 200

    async def test_an_unknown_coding_is_reported_with_the_known_ones(self, doubler: Bench) -> None:
        response = await doubler.infer(ROW, content_encoding="br")
        assert_is_error(response, 415)
        assert dict(response.headers)["accept-encoding"] == "gzip, deflate"

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    async def test_what_is_not_packed_as_it_says_is_refused(self, doubler: Bench, coding: str) -> None:
        assert_is_error(await doubler.infer(ROW, content_encoding=coding), 400)
        whole = gzip.compress(b"x" * 1000) if coding == "gzip" else zlib.compress(b"x" * 1000)
        assert_is_error(await doubler.infer(whole[:-5], content_encoding=coding), 400)

    async def test_a_bomb_is_refused_before_it_takes_memory(self, doubler: Bench) -> None:
        bomb = gzip.compress(b"0" * (64 << 20))
        assert "unpacked" in assert_is_error(await doubler.infer(bomb, content_encoding="gzip"), 413)
        twice = gzip.compress(b"0" * (900 << 10)) * 2
        assert_is_error(await doubler.infer(twice, content_encoding="gzip"), 413)

    @pytest.mark.parametrize(("accepted", "decompress"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
    async def test_an_answer_is_packed_for_who_asks_for_it(
        self, doubler: Bench, accepted: str, decompress: Any
    ) -> None:
        rows = {"name": "x", "shape": [100, 2], "datatype": "FP64", "data": [0.5] * 200}
        plain = await doubler.infer({"inputs": [rows]})
        response = await doubler.infer({"inputs": [rows]}, accept_encoding=accepted)
        assert dict(response.headers)["content-encoding"] == accepted
        assert decompress(response.body) == plain.body

    @pytest.mark.parametrize("accepted", ["gzip, deflate, br", "*", "identity"])
    async def test_an_answer_stays_plain_for_who_merely_could_unpack_it(self, doubler: Bench, accepted: str) -> None:
        rows = {"name": "x", "shape": [100, 2], "datatype": "FP64", "data": [0.5] * 200}
        response = await doubler.infer({"inputs": [rows]}, accept_encoding=accepted)
        assert "content-encoding" not in dict(response.headers)


class TestTime:
    async def test_the_timeout_of_the_schedule_policy_is_504(self) -> None:
        assert_is_error(await bench(Sleeper()).infer(seconds(0.3, timeout=20_000)), 504)

    @pytest.mark.parametrize("header", ["x_request_timeout_ms", "x_envoy_expected_rq_timeout_ms"])
    async def test_so_is_that_of_a_header(self, header: str) -> None:
        plane = bench(Sleeper())
        assert_is_error(await plane.infer(seconds(0.3), **{header: "20"}), 504)
        assert_is_error(await plane.infer(seconds(0), **{header: "soon"}), 400)

    async def test_so_is_that_of_the_server(self) -> None:
        assert_is_error(await bench(Sleeper(), request_timeout_s=0.02).infer(seconds(0.3)), 504)

    async def test_a_timeout_of_zero_is_none(self) -> None:
        plane = bench(Sleeper())
        assert (await plane.infer(seconds(0.01, timeout=0), x_request_timeout_ms="0")).status == 200

    async def test_a_wrong_priority_is_refused(self) -> None:
        assert "priority" in assert_is_error(await bench(Sleeper()).infer(seconds(0, priority=-1)), 400)


class TestMetrics:
    async def test_every_request_is_counted_once_by_how_it_ended(self, doubler: Bench) -> None:
        for _ in range(3):
            await doubler.infer(ROW)
        await doubler.infer({"inputs": []})
        await doubler.ask("POST", "/predict", {"inputs": [[1, 2]]})
        text = (await doubler.ask("GET", "/metrics")).body.decode()
        labels = f'model="{MODEL_NAME}",outcome='
        assert f'modelyard_request_duration_seconds_count{{{labels}"ok",version="3"}} 4.0' in text
        assert f'modelyard_request_duration_seconds_count{{{labels}"invalid",version="3"}} 1.0' in text
        stats = content(await doubler.ask("GET", f"{MODEL}/stats"))["model_stats"][0]
        assert (stats["inference_count"], stats["inference_stats"]["success"]["count"]) == (4, 4)
        assert stats["inference_stats"]["fail"]["count"] == 1
        assert not math.isclose(stats["inference_stats"]["compute_infer"]["ns"], 0)
