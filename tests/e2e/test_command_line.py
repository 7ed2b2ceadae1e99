"""The command line against the real platform: what people type, and what programs read."""

import json
import time
from pathlib import Path

import pytest
import tritonclient.grpc as triton
from tests.e2e.stack import EXAMPLES, SCRIPTS, Stack


@pytest.fixture(scope="module")
def model(stack: Stack) -> str:
    """The name of a model that was deployed from the command line."""
    stack.run("deploy", str(EXAMPLES / "breast_cancer" / "train.py"), "--model", "typed", "--replicas", "1")
    return "typed"


class TestCommands:
    @pytest.mark.parametrize("rows", ["rows.csv", "request.json"])
    def test_predict_reads_tables_and_json(self, stack: Stack, model: str, rows: str) -> None:
        done = stack.run("predict", model, str(EXAMPLES / "breast_cancer" / rows), "--output", "json")

        assert json.loads(done.stdout)["predictions"] == [0, 0, 1]

    def test_predict_reads_parquet(self, stack: Stack, model: str, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        table = tmp_path / "rows.parquet"
        pandas.read_csv(EXAMPLES / "breast_cancer" / "rows.csv").to_parquet(table)

        done = stack.run("predict", model, str(table), "--output", "json")

        assert json.loads(done.stdout)["predictions"] == [0, 0, 1]

    def test_a_version_is_asked_below_the_stable_address(self, stack: Stack, model: str) -> None:
        rows = str(EXAMPLES / "breast_cancer" / "rows.csv")
        shown = json.loads(stack.run("deployments", "show", model, "--output", "json").stdout)
        assert shown["api_url"] == f"{stack.gateway_url}/{model}"

        done = stack.run("predict", model, rows, "--version", "1", "--output", "json")
        assert json.loads(done.stdout)["predictions"] == [0, 0, 1]
        log = (stack.home / "gateway" / "access.log").read_text
        deadline = time.monotonic() + 10
        while f"/{model}/versions/1/predict" not in log() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert f"/{model}/versions/1/predict" in log()

    def test_grpc_is_taken_at_the_gateway_and_at_the_model_server(self, stack: Stack, model: str) -> None:
        url = json.loads(stack.run("deployments", "show", model, "--output", "json").stdout)["url"]
        gateway, server = (each.removeprefix("http://") for each in (stack.gateway_url, url))
        by_authority = [("grpc.default_authority", model)]
        for address, options, metadata in (
            (gateway, by_authority, {}),
            (gateway, [], {"modelyard-model": model, "modelyard-version": "1"}),
            (server, [], {}),
        ):
            with triton.InferenceServerClient(address, channel_args=options) as client:
                assert client.get_model_metadata(model, headers=metadata).versions == ["1"]

    def test_predict_fills_a_file_by_the_version_that_it_began_with(
        self, stack: Stack, model: str, tmp_path: Path
    ) -> None:
        parquet = pytest.importorskip("pyarrow.parquet")
        pandas = pytest.importorskip("pandas")
        rows = pandas.read_csv(EXAMPLES / "breast_cancer" / "rows.csv")
        many = pandas.concat([rows] * 30_000, ignore_index=True).assign(patient=range(3 * 30_000))
        many.to_parquet(tmp_path / "rows.parquet")

        done = stack.run("predict", model, str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "out.parquet"))

        found = parquet.read_table(tmp_path / "out.parquet")
        assert found["patient"].to_pylist() == list(range(3 * 30_000))
        assert found["predictions"].to_pylist() == [0, 0, 1] * 30_000
        assert "90,000 rows" in done.stderr
        assert f"version 1 of {model}" in done.stderr

    def test_status_names_every_address_and_process(self, stack: Stack) -> None:
        status = json.loads(stack.run("status", "--output", "json").stdout)

        reported = json.dumps(status)
        assert stack.url in reported
        assert stack.mlflow_url in reported
        assert str(stack.pid("control")) in reported

    def test_lists_are_json_for_programs(self, stack: Stack, model: str) -> None:
        listed = {
            command: json.loads(stack.run(command, "--output", "json").stdout)
            for command in ("models", "deployments", "jobs")
        }

        assert all(model in json.dumps(each) for each in listed.values())

    def test_a_failed_training_ends_with_an_exit_code_and_its_reason(self, stack: Stack) -> None:
        done = stack.run("train", str(SCRIPTS / "raises.py"), "--model", "typed-raises", check=False)

        assert done.returncode not in {0, 2}
        assert "there is no customers.csv" in done.stdout + done.stderr
        assert "modelyard_client" not in done.stderr

    def test_a_model_that_is_not_there_is_one_sentence(self, stack: Stack) -> None:
        done = stack.run("predict", "nobody", str(EXAMPLES / "breast_cancer" / "rows.csv"), check=False)

        assert done.returncode != 0
        assert "nobody" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_busy_port_is_named_with_its_flag(self, stack: Stack, tmp_path: Path) -> None:
        done = stack.run("up", "--detach", "--home", str(tmp_path), "--port", str(stack.port), check=False)

        assert done.returncode != 0
        assert "--port" in done.stderr
        assert not [process for process in stack.processes() if str(tmp_path) in process.cmdline()]
