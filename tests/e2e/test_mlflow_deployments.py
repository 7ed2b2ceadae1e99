"""MLflow's own command line as the client: `mlflow deployments … -t modelyard`, against the real platform."""

import ast
import json
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import httpx
import mlflow
import pytest
from click.testing import CliRunner
from mlflow.deployments.cli import commands
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression
from tests.e2e.stack import BIN, SCRIPTS, Stack, wait_for

from modelyard_client.mlflow_deployments import ModelyardDeployments

MODEL = "by-mlflow"
ROWS = {
    "sepal length (cm)": [5.1, 6.7],
    "sepal width (cm)": [3.5, 3.0],
    "petal length (cm)": [1.4, 5.2],
    "petal width (cm)": [0.2, 2.3],
}
Deployments: TypeAlias = Callable[..., str]
"""`mlflow deployments <arguments>` in this process; gives what it printed."""


@pytest.fixture(scope="module")
def versions(stack: Stack) -> Iterator[str]:
    """The run of two equal versions of a model, none of which is deployed."""
    jobs = [stack.train(SCRIPTS / "classifier.py", model_name=MODEL) for _ in range(2)]
    runs = [stack.succeeded(job)["run_id"] for job in jobs]
    yield str(runs[-1])
    stack.undeploy(MODEL)


@pytest.fixture
def deployments(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Deployments:
    monkeypatch.setenv("MODELYARD_HOME", str(stack.home))
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)  # Of a test before this one.

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(commands, [*arguments, "-t", "modelyard"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS))
    return path


def test_a_deployment_is_created_called_updated_and_deleted_by_mlflows_commands(
    stack: Stack, versions: str, deployments: Deployments, rows: Path
) -> None:
    create = [
        "deployments",
        "create",
        "-t",
        "modelyard",
        "--name",
        MODEL,
        "-m",
        f"models:/{MODEL}/1",
        "-C",
        "replicas=1",
    ]
    made = subprocess.run(
        [BIN / "mlflow", *create], env=stack.environment, capture_output=True, text=True, timeout=300, check=False
    )

    assert f"deployment {MODEL} is created" in made.stdout, made.stderr
    assert f"'{MODEL}'" in deployments("list")
    assert f"model_uri: models:/{MODEL}/1" in deployments("get", "--name", MODEL)
    answer = json.loads(deployments("predict", "--name", MODEL, "-I", str(rows)))
    (deployed,) = stack.get("/api/v1/deployments", model_name=MODEL)["deployments"]
    assert answer["predictions"] == stack.predict(deployed["url"], ROWS)
    with pytest.raises(MlflowException, match=f"there is a deployment '{MODEL}' already"):
        deployments("create", "--name", MODEL, "-m", f"models:/{MODEL}/2")

    deployments("update", "--name", MODEL, "-m", f"models:/{MODEL}/latest")

    (updated,) = stack.get("/api/v1/deployments", model_name=MODEL)["deployments"]
    assert (updated["model_version"], updated["url"]) == (2, deployed["url"])
    assert "is deleted" in deployments("delete", "--name", MODEL)
    assert "is deleted" in deployments("delete", "--name", MODEL)
    assert not stack.get("/api/v1/deployments", model_name=MODEL)["deployments"]


def test_an_endpoint_is_an_api_of_the_gateway_to_which_deployments_are_released(
    stack: Stack, versions: str, deployments: Deployments, rows: Path
) -> None:
    # The command create-endpoint of MLflow 3.17 hands its option over by a name that it does not take.
    ModelyardDeployments("modelyard").create_endpoint(
        "mlflow-api", config={"model": MODEL, "path": "ml/api", "open": "true"}
    )
    deployments("create", "--name", MODEL, "-m", f"models:/{MODEL}/2", "--endpoint", "mlflow-api")

    shown = deployments("get-endpoint", "--endpoint", "mlflow-api")
    listed = ast.literal_eval(deployments("list", "--endpoint", "mlflow-api").partition("\n")[2].strip())
    assert f"url: {stack.gateway_url}/ml/api" in shown
    assert [each["name"] for each in listed] == [MODEL]
    assert listed[0]["deployment_id"] in shown
    answer = json.loads(wait_for(lambda: answered(deployments, rows), what=lambda: "an answer at the endpoint"))
    assert answer["predictions"] == stack.predict(listed[0]["url"], ROWS)

    deployments("update-endpoint", "--endpoint", "mlflow-api", "-C", f"model={MODEL}", "-C", "version=2")

    assert f"'model_name': '{MODEL}', 'version': 2" in deployments("get-endpoint", "--endpoint", "mlflow-api")
    deployments("delete-endpoint", "--endpoint", "mlflow-api")
    assert "mlflow-api" not in deployments("list-endpoints")


def test_numbers_aliases_and_runs_are_those_of_the_tracker_that_mlflow_is_set_to(
    stack: Stack, versions: str, deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.mlflow_url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", stack.token)
    client = ModelyardDeployments("modelyard")
    stack.undeploy(MODEL)

    shown = client.create_deployment(MODEL, f"models:/{MODEL}/1", config={"wait_seconds": 120})
    assert shown["model_uri"] == f"models:/{MODEL}/1"
    client.update_deployment(MODEL, f"runs:/{versions}/model")

    assert client.get_deployment(MODEL)["model_uri"] == f"models:/{MODEL}/3"
    assert client.predict(MODEL, ROWS)["predictions"] == [0, 2]


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred")  # MLflow's own types, when it loads pyfunc.
def test_a_model_in_a_folder_is_uploaded(stack: Stack, deployments: Deployments, tmp_path: Path) -> None:
    place = tmp_path / "model"
    model = LogisticRegression(C=1e6).fit([[0.0], [1.0]], [0, 1])
    requirements = [f"{name}=={version(name)}" for name in ("pandas", "scikit-learn", "skops")]
    mlflow.sklearn.save_model(model, place, pip_requirements=requirements)

    shown = ModelyardDeployments("modelyard").create_deployment("from-a-folder", str(place))

    assert shown["model_uri"] == "models:/from-a-folder/1"
    assert stack.predict(shown["url"], [[0.0], [1.0]]) == [0, 1]
    stack.undeploy("from-a-folder")


def answered(deployments: Deployments, rows: Path) -> str | None:
    """What the endpoint answers, once the gateway has the newest configuration."""
    try:
        return deployments("predict", "--endpoint", "mlflow-api", "-I", str(rows))
    except (MlflowException, httpx.HTTPError):
        return None
