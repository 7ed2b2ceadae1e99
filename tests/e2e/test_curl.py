"""The requests of the MLOps API, sent with curl as a user would, from the upload to a prediction."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.stack import EXAMPLES, SCRIPTS, Stack, wait_for

Curl = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def curl(stack: Stack) -> Curl:
    """`curl <arguments>` with the token; gives the status and the JSON."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")

    authorization = f"Authorization: Bearer {stack.token}"

    def send(path: str, *arguments: str, base: str = stack.url) -> tuple[int, Any]:
        done = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", "-H", authorization, *arguments, f"{base}{path}"],
            capture_output=True,
            text=True,
            check=True,
        )
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), json.loads(body)

    return send


def ended(curl: Curl, path: str) -> Any:
    def end() -> Any:
        status, job = curl(path)
        assert status == 200, job
        return job if job["status"] in {"succeeded", "deployed", "failed", "cancelled"} else None

    return wait_for(end, timeout=300, what=lambda: f"the end of {curl(path)}")


@pytest.fixture(scope="module")
def trained(curl: Curl) -> Any:
    """A training job that was sent as a file, when it has ended."""
    status, accepted = curl(
        "/mlops/training/upload",
        *("-F", f"script=@{SCRIPTS / 'classifier.py'}"),
        *("-F", "model_name=curl-irises"),
        *("-F", "experiment_name=curl"),
        *("-F", "requirements=scikit-learn>=1.5", "-F", "requirements=pandas>=2"),
    )
    assert status == 202, accepted
    assert accepted.keys() >= {"job_id", "model_name", "status", "message"}
    return ended(curl, f"/mlops/training/jobs/{accepted['job_id']}")


@pytest.fixture(scope="module")
def deployed(curl: Curl, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A one-click job with exactly the contract's fields, when it has ended."""
    script = EXAMPLES / "breast_cancer" / "train.py"
    body = tmp_path_factory.mktemp("curl") / "deploy.json"
    body.write_text(
        json.dumps(
            {
                "script_name": script.name,
                "script_content": script.read_text(),
                "experiment_name": "curl",
                "model_name": "curl-breast-cancer",
                "requirements": ["scikit-learn", "pandas"],
                "replicas": 2,
                "namespace": "demo",
            }
        )
    )
    status, accepted = curl("/mlops/deploy", "-H", "Content-Type: application/json", "-d", f"@{body}")
    assert status == 202, accepted
    assert accepted.keys() == {"job_id", "model_name", "status", "message"}
    assert (accepted["model_name"], accepted["status"]) == ("curl-breast-cancer", "training")
    return ended(curl, f"/mlops/deployments/{accepted['job_id']}")


class TestManagement:
    def test_an_uploaded_script_is_trained_and_registered(self, trained: Any) -> None:
        assert trained["status"] == "succeeded", trained["error"]
        assert (trained["model_name"], trained["model_version"]) == ("curl-irises", "1")

    def test_one_click_ends_with_an_address(self, deployed: Any) -> None:
        assert deployed["status"] == "deployed", deployed["error"]
        fields = {"job_id", "status", "deployment_url", "external_ip", "model_version", "run_id", "ecr_image"}
        assert deployed.keys() >= fields | {"duration_seconds"}
        assert deployed["deployment_url"].startswith("http://127.0.0.1:")
        assert deployed["duration_seconds"] > 0

    def test_a_run_is_registered_by_hand_as_the_next_version(self, curl: Curl, trained: Any) -> None:
        body = json.dumps({"name": "curl-by-hand", "run_id": trained["run_id"]})

        numbers = []
        for _ in range(2):
            status, version = curl("/mlops/registry", "-H", "Content-Type: application/json", "-d", body)
            assert status == 201, version
            numbers.append(version["version"])

        assert numbers == [1, 2]

    def test_models_are_listed_and_shown(self, curl: Curl, trained: Any, deployed: Any) -> None:
        _, listed = curl("/mlops/models")
        status, model = curl("/mlops/models/curl-breast-cancer")

        assert {"curl-irises", "curl-breast-cancer"} <= {each["name"] for each in listed["models"]}
        assert status == 200
        assert str(model["latest_version"]) == deployed["model_version"]
        (version,) = model["versions"]
        assert version["run_id"] == deployed["run_id"]
        assert version["metrics"]["accuracy"] > 0.9
        assert version["parameters"]["C"] == 0.5

    def test_the_status_of_the_platform(self, curl: Curl) -> None:
        status, platform = curl("/mlops/status")

        assert status == 200
        assert platform["status"] == "ok"
        assert platform["components"].keys() >= {"database", "mlflow", "target"}

    def test_there_is_no_inference_in_the_management_service(self, curl: Curl) -> None:
        status, error = curl("/mlops/inference", "-X", "POST", "-d", "{}")

        assert status == 404
        assert error["error"]

    def test_without_a_token_nothing_is_reported(self, stack: Stack) -> None:
        done = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{stack.url}/mlops/models"],
            capture_output=True,
            text=True,
            check=True,
        )

        assert done.stdout == "401"


class TestTheDeployedModel:
    def test_health_names_the_model(self, curl: Curl, deployed: Any) -> None:
        status, health = curl("/health", base=deployed["deployment_url"])

        assert status == 200
        assert health["status"] == "healthy"
        assert health["model"]["name"] == "curl-breast-cancer"
        assert str(health["model"]["version"]) == deployed["model_version"]
        assert health["model"]["run_id"] == deployed["run_id"]

    def test_metadata(self, curl: Curl, deployed: Any) -> None:
        _, metadata = curl("/metadata", base=deployed["deployment_url"])

        assert metadata["model_loaded"] is True
        assert metadata["model_name"] == "curl-breast-cancer"
        assert metadata["model_version"] == str(deployed["model_version"])
        assert metadata["run_id"] == deployed["run_id"]
        assert metadata["mlflow_uri"].startswith("http://127.0.0.1:")

    def test_predict(self, curl: Curl, deployed: Any) -> None:
        request = EXAMPLES / "breast_cancer" / "request.json"

        status, answer = curl(
            "/predict", "-H", "Content-Type: application/json", "-d", f"@{request}", base=deployed["deployment_url"]
        )

        assert (status, answer["predictions"]) == (200, [0, 0, 1])

    @pytest.mark.parametrize("version", ["", "/versions/1"])
    def test_infer(self, curl: Curl, deployed: Any, version: str) -> None:
        request = EXAMPLES / "breast_cancer" / "infer.json"

        status, answer = curl(
            f"/v2/models/curl-breast-cancer{version}/infer", "-d", f"@{request}", base=deployed["deployment_url"]
        )

        assert status == 200, answer
        assert answer["outputs"][0]["data"] == [0, 0, 1]

    @pytest.mark.parametrize(
        "path",
        [
            "/v2",
            "/v2/health/live",
            "/v2/health/ready",
            "/v2/models/curl-breast-cancer",
            "/v2/models/curl-breast-cancer/ready",
            "/v2/models/curl-breast-cancer/versions/1/ready",
        ],
    )
    def test_the_protocols_questions_are_answered(self, curl: Curl, deployed: Any, path: str) -> None:
        status, answer = curl(path, base=deployed["deployment_url"])

        assert status == 200
        assert answer

    def test_it_documents_itself_with_its_own_columns(self, stack: Stack, deployed: Any) -> None:
        url = deployed["deployment_url"]

        page = stack.anyone.get(f"{url}/docs")
        description = stack.anyone.get(f"{url}/openapi.json")

        assert page.status_code == description.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "mean radius" in description.text


def test_the_sample_requests_of_the_examples_are_json() -> None:
    requests = [path for name in ("request.json", "infer.json") for path in EXAMPLES.glob(f"*/{name}")]

    assert len(requests) == 8
    assert all("inputs" in json.loads(Path(path).read_text()) for path in requests)
