import json
from pathlib import Path

import pyarrow as pa
import pytest
from cli_run import Run
from modelyard_standin import StandIn, deployment, error
from pyarrow import parquet

from modelyard_client.errors import Invalid
from modelyard_client.prediction.predictor import Predictor


@pytest.fixture(autouse=True)
def deployed(standin: StandIn) -> None:
    standin.deployments["dep-1"] = [deployment(url=f"{standin.url}/model")]
    standin.inputs = [{"name": "age", "datatype": "FP64", "shape": [-1]}]


def sent(standin: StandIn) -> object:
    (request,) = standin.asked("POST", "/model/predict")
    return request.json


class TestPredict:
    def test_csv_becomes_a_table_of_predictions(self, standin: StandIn, run: Run, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_text("age,label\n31,0\n45,1\n")
        ended = run("predict", "churn", str(tmp_path / "rows.csv"), "--drop", "label")
        assert [line.split() for line in ended.out.splitlines()] == [["ROW", "PREDICTION"], ["1", "0"], ["2", "1"]]
        assert sent(standin) == {"inputs": {"age": [31.0, 45.0]}}

    def test_parquet_becomes_json(self, standin: StandIn, run: Run, tmp_path: Path) -> None:
        parquet.write_table(pa.table({"age": [31, 45]}), tmp_path / "rows.parquet")
        ended = run("predict", "dep-1", str(tmp_path / "rows.parquet"), "-o", "json")
        assert json.loads(ended.out) == {"predictions": [0, 1], "outputs": {}}
        assert sent(standin) == {"inputs": {"age": [31, 45]}}

    def test_stdin_is_json_unless_a_format_is_named(self, standin: StandIn, run: Run) -> None:
        assert run("predict", "churn", "-", stdin=b'{"age": [31, 45]}').exit_code == 0
        assert sent(standin) == {"inputs": {"age": [31, 45]}}

    def test_stdin_may_be_csv(self, standin: StandIn, run: Run) -> None:
        run("predict", "churn", "-", "--format", "csv", stdin=b"age\n31\n")
        assert sent(standin) == {"inputs": {"age": [31.0]}}

    def test_a_model_server_is_asked_by_its_address(self, standin: StandIn, run: Run) -> None:
        assert run("predict", f"{standin.url}/model", "-", stdin=b"[[1]]").exit_code == 0
        assert {request.path for request in standin.seen} == {"/model/predict"}

    def test_several_outputs_are_several_columns(self, standin: StandIn, run: Run) -> None:
        standin.prediction = {"predictions": [0], "outputs": {"label": [0], "probability": [[0.9, 0.1]]}}
        out = run("predict", "churn", "-", stdin=b"[[1]]").out
        assert [line.split(maxsplit=2) for line in out.splitlines()] == [
            ["ROW", "LABEL", "PROBABILITY"],
            ["1", "0", "[0.9, 0.1]"],
        ]

    def test_outputs_that_are_not_one_for_each_row_are_shown_whole(self, standin: StandIn, run: Run) -> None:
        standin.prediction = {"predictions": [0, 1], "outputs": {"label": [0, 1], "mean": [0.5]}}
        assert run("predict", "churn", "-", stdin=b"[[1]]").out == '{"label": [0, 1], "mean": [0.5]}\n'

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ("age\ncook\n", "modelyard: column 'age', row 1: expected a number (FP64), got 'cook'\n"),
            ("age,age\n1,2\n", "modelyard: two columns are named 'age'\n"),
        ],
    )
    def test_a_file_that_does_not_fit_is_exit_code_2(
        self, run: Run, tmp_path: Path, content: str, sentence: str
    ) -> None:
        (tmp_path / "rows.csv").write_text(content)
        ended = run("predict", "churn", str(tmp_path / "rows.csv"))
        assert (ended.exit_code, ended.out, ended.err) == (2, "", sentence)

    def test_a_model_that_is_not_deployed_is_exit_code_3(self, run: Run) -> None:
        ended = run("predict", "other", "-", stdin=b"[[1]]")
        assert (ended.exit_code, ended.err) == (3, "modelyard: there is no deployment of other\n")

    @pytest.mark.parametrize(
        ("inputs", "hint"),
        [
            ([("age", [-1]), ("income", [-1])], "--drop 'the label' leaves out what the model does not take"),
            ([("x", [-1, 2])], "the model takes 2 columns, and --drop COLUMN leaves one out, such as the label"),
        ],
    )
    def test_a_column_that_the_model_does_not_take_gets_a_hint_at_drop(
        self,
        standin: StandIn,
        run: Run,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        inputs: list[tuple[str, list[int]]],
        hint: str,
    ) -> None:
        def refuse(*_: object) -> None:
            raise Invalid("there is no input 'the label'", code="input_unknown")

        monkeypatch.setattr(Predictor, "predict", refuse)
        standin.inputs = [{"name": name, "datatype": "FP64", "shape": shape} for name, shape in inputs]
        (tmp_path / "rows.csv").write_text("age,income,the label\n31,5,yes\n")
        ended = run("predict", "churn", str(tmp_path / "rows.csv"))
        assert (ended.exit_code, ended.err) == (2, f"modelyard: there is no input 'the label'; {hint}\n")


class TestAtTheGateway:
    @pytest.fixture(autouse=True)
    def stable(self, standin: StandIn, deployed: None) -> None:
        """The model has a stable address, and two versions of it are deployed."""
        at_gateway = {"api_url": f"{standin.url}/gateway/churn", "url": f"{standin.url}/model"}
        standin.deployments = {
            "dep-1": [deployment(**at_gateway)],
            "dep-2": [deployment("dep-2", model_version=2, **at_gateway)],
        }

    def test_a_model_is_called_at_its_stable_address(self, standin: StandIn, run: Run) -> None:
        assert run("predict", "churn", "-", stdin=b"[[1]]").exit_code == 0
        (asked,) = standin.asked("POST", "/gateway/churn/predict")
        assert (asked.headers["modelyard-model"], "authorization" in asked.headers) == ("churn", False)

    def test_a_version_of_it_below_that(self, standin: StandIn, run: Run) -> None:
        assert run("predict", "churn", "-", "--version", "2", stdin=b"[[1]]").exit_code == 0
        (asked,) = standin.asked("POST", "/gateway/churn/versions/2/predict")
        assert asked.headers["modelyard-model"] == "churn/2"

    def test_a_deployment_that_is_named_is_called_itself(self, standin: StandIn, run: Run) -> None:
        assert run("predict", "dep-2", "-", "--key", "secret", stdin=b"[[1]]").exit_code == 0
        (asked,) = standin.asked("POST", "/model/predict")
        assert "ocp-apim-subscription-key" not in asked.headers

    @pytest.mark.parametrize("options", [["--key", "secret"], []])
    def test_a_key_is_sent_to_the_gateway_alone(
        self, standin: StandIn, run: Run, monkeypatch: pytest.MonkeyPatch, options: list[str]
    ) -> None:
        if not options:
            monkeypatch.setenv("MODELYARD_SUBSCRIPTION_KEY", "secret")
        assert run("predict", "churn", "-", *options, stdin=b"[[1]]").exit_code == 0
        with_key = [each.path for each in standin.seen if "ocp-apim-subscription-key" in each.headers]
        assert with_key == ["/gateway/churn/predict"]

    @pytest.mark.parametrize(
        ("status", "code", "exit_code"), [(401, "key_missing", 4), (404, "version_unknown", 3), (410, "api_retired", 3)]
    )
    def test_what_the_gateway_refuses_is_not_asked_elsewhere(
        self, standin: StandIn, run: Run, status: int, code: str, exit_code: int
    ) -> None:
        standin.gateway_refusal = error(status, "the gateway says no", code)
        ended = run("predict", "churn", "-", stdin=b"[[1]]")
        hint = "; give it with --key" if status == 401 else ""
        assert (ended.exit_code, ended.err) == (exit_code, f"modelyard: the gateway says no{hint}\n")
        assert not standin.asked("POST", "/model/predict")
