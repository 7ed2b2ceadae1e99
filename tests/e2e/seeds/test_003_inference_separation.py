"""The document of MLOps calls and deployed models: its lines, by bash, curl and jq, and its Python."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from tests.e2e.seeds.documents import (
    MANAGEMENT,
    REQUIREMENTS,
    SCRIPT,
    bash,
    deployed,
    fields,
    printed,
    quoted,
)
from tests.e2e.stack import Json, Stack

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="curl or jq is not installed")
CONTENT = SCRIPT.read_text()
ONE_FEATURE = CONTENT.replace('["feature1", "feature2"]', '["feature1"]')

DEPLOY = r"""
curl -X POST http://localhost:8000/mlops/deploy \
  -H "Content-Type: application/json" \
  -d '{
    "script_name": "train.py",
    "script_content": "..."  ,
    "experiment_name": "production",
    "model_name": "my_model",
    "requirements": ["scikit-learn"],
    "replicas": 2,
    "namespace": "asgard"
  }'
"""
STATUS = "curl http://localhost:8000/mlops/deployments/a3b4c5d6"
HEALTH = "curl http://51.89.136.142/health"
METADATA = "curl http://51.89.136.142/metadata"
PREDICT = r"""
curl -X POST http://51.89.136.142/predict \
  -H "Content-Type: application/json" \
  -d '{
    "inputs": {
      "feature1": [1, 2, 3],
      "feature2": [4, 5, 6]
    }
  }'
"""
INFERENCE = r"""
curl -X POST http://localhost:8000/mlops/inference \
  -H "Content-Type: application/json" \
  -d '{
    "model_name": "my_model",
    "model_version": "1",
    "inputs": {
      "feature1": [1, 2, 3]
    }
  }'
"""
TRAIN_AND_DEPLOY = r"""
curl -X POST http://localhost:8000/mlops/deploy \
  -d '{"script_name": "train.py", "script_content": "...", ...}'
"""
UPDATE = r"""
curl -X POST http://localhost:8000/mlops/deploy \
  -d '{"model_name": "my_model", ...}'
"""
TEST = r"""
# 1. Deploy
JOB_ID=$(curl -X POST http://localhost:8000/mlops/deploy \
  -H "Content-Type: application/json" \
  -d '{"script_name": "test.py", ...}' | jq -r '.job_id')

# 2. Wait for deployment
while true; do
  STATUS=$(curl -s http://localhost:8000/mlops/deployments/$JOB_ID | jq -r '.status')
  echo "Status: $STATUS"
  [ "$STATUS" = "deployed" ] && break
  sleep 10
done

# 3. Get URL
MODEL_URL=$(curl -s http://localhost:8000/mlops/deployments/$JOB_ID | jq -r '.deployment_url')
echo "Model URL: $MODEL_URL"

# 4. Test inference
curl -X POST $MODEL_URL/predict \
  -H "Content-Type: application/json" \
  -d '{"inputs": {"feature1": [1, 2, 3]}}'
"""


@pytest.fixture(scope="module")
def here(platform: Stack) -> dict[str, str]:
    """The management API in place of the document's."""
    return {MANAGEMENT: platform.url}


@pytest.fixture(scope="module")
def at_model(my_model: Json) -> dict[str, str]:
    """The deployed model in place of the document's."""
    return {"http://51.89.136.142": my_model["deployment_url"]}


class TestDeployAModel:
    def test_the_request_is_answered_at_once(self, my_model: Json, here: dict[str, str], anyone: httpx.Client) -> None:
        answer = printed(DEPLOY, {**here, '"..."': quoted(CONTENT)})
        assert answer == {
            "job_id": answer["job_id"],
            "model_name": "my_model",
            "status": "training",
            "message": f"Deployment started. Use /mlops/deployments/{answer['job_id']} to check status",
        }
        assert my_model["accepted"].keys() == answer.keys()
        assert deployed(anyone, answer["job_id"])["experiment_name"] == "production"

    def test_its_status_tells_where_it_is(self, my_model: Json, here: dict[str, str]) -> None:
        answer = printed(STATUS, {**here, "a3b4c5d6": my_model["job_id"]})
        assert (answer["job_id"], answer["status"]) == (my_model["job_id"], "deployed")
        assert answer["deployment_url"].startswith(f"http://{answer['external_ip']}")
        assert answer["model_version"] == "1"
        assert len(answer["run_id"]) == 32
        assert isinstance(answer["duration_seconds"], int | float)

    def test_what_it_has_instead_of_an_image_is_tagged_so(self, my_model: Json) -> None:
        """This stack serves bundles; `tests/e2e/test_kubernetes.py` has the image's name, as the document has it."""
        assert "my-model-v1" in my_model["ecr_image"]


class TestUseTheDeployedModel:
    def test_health(self, my_model: Json, at_model: dict[str, str]) -> None:
        assert printed(HEALTH, at_model) == {
            "status": "healthy",
            "model": {"name": "my_model", "version": "1", "run_id": my_model["run_id"]},
        }

    def test_metadata(self, my_model: Json, at_model: dict[str, str], platform: Stack) -> None:
        answer = printed(METADATA, at_model)
        assert {name: answer[name] for name in ("model_name", "model_version", "run_id", "model_loaded")} == {
            "model_name": "my_model",
            "model_version": "1",
            "run_id": my_model["run_id"],
            "model_loaded": True,
        }
        assert answer["mlflow_uri"] == platform.mlflow_url

    def test_predictions(self, at_model: dict[str, str]) -> None:
        assert printed(PREDICT, at_model) == {"predictions": [0, 1, 1]}


class TestMigration:
    @pytest.mark.parametrize("lines", [INFERENCE, "curl -X POST http://localhost:8000/mlops/inference"])
    def test_inference_is_gone_from_the_management_api(self, here: dict[str, str], lines: str) -> None:
        assert printed(lines, here)["code"] == "not_found"
        assert bash(f"{lines.strip()} -s -o /dev/null -w '%{{http_code}}'", here) == "404"

    def test_the_new_python_code_works(self, my_model: Json, platform: Stack) -> None:
        gone = requests.post(
            f"{platform.url}/mlops/inference",
            json={"model_name": "my_model", "model_version": "1", "inputs": {"feature1": [1, 2, 3]}},
            timeout=60,
        )
        assert gone.status_code == 404
        deployment_status = requests.get(f"{platform.url}/mlops/deployments/{my_model['job_id']}", timeout=60).json()
        model_url = deployment_status["deployment_url"]
        response = requests.post(
            f"{model_url}/predict", json={"inputs": {"feature1": [1, 2, 3], "feature2": [4, 5, 6]}}, timeout=60
        )
        assert response.json()["predictions"] == [0, 1, 1]


class TestWorkflows:
    def test_train_and_deploy(self, here: dict[str, str], anyone: httpx.Client) -> None:
        rest = fields(model_name="another_model", requirements=REQUIREMENTS)
        answer = printed(TRAIN_AND_DEPLOY, {**here, '"..."': quoted(CONTENT), "...}": f"{rest}}}"})
        job = deployed(anyone, answer["job_id"])
        predicted = printed(
            """curl -X POST http://IP/predict -d '{"inputs": {...}}'""",
            {"http://IP": job["deployment_url"], "{...}": fields_of_inputs()},
        )
        assert predicted == {"predictions": [0, 1, 1]}

    def test_list_available_models(self, my_model: Json, here: dict[str, str]) -> None:
        answer = printed("curl http://localhost:8000/mlops/models", here)
        (model,) = [one for one in answer["models"] if one["name"] == my_model["model_name"]]
        assert model["label"] == "my-model"

    def test_update_a_model(self, my_model: Json, here: dict[str, str], anyone: httpx.Client) -> None:
        rest = fields(script_name="train.py", script_content=CONTENT, requirements=REQUIREMENTS)
        answer = printed(UPDATE, {**here, "...}": f"{rest}}}"})
        job = deployed(anyone, answer["job_id"])
        assert job["deployment_url"] != my_model["deployment_url"]  # A new deployment with an address of its own.
        for each in (my_model, job):
            health = anyone.get(f"{each['deployment_url']}/health").json()
            assert health["model"]["version"] == each["model_version"]

    def test_the_lines_of_the_test_run_as_they_are(self, here: dict[str, str]) -> None:
        rest = fields(script_content=ONE_FEATURE, model_name="test_model", requirements=REQUIREMENTS)
        output = bash(TEST, {**here, "...}": f"{rest}}}"})
        assert "Status: deployed" in output
        assert json.loads(output[output.rindex('{"predictions"') :]) == {"predictions": [0, 1, 1]}


class TestEndpoints:
    def test_a_script_is_uploaded_and_its_training_followed(self, here: dict[str, str], script: Path) -> None:
        upload = f"curl -X POST http://localhost:8000/mlops/training/upload -F script=@{script} " + " ".join(
            f"-F requirements={name}" for name in REQUIREMENTS
        )
        accepted = printed(upload, here)
        assert accepted["model_name"] == "train"
        look = f"curl http://localhost:8000/mlops/training/jobs/{accepted['job_id']}"
        assert printed(look, here)["status"] in {"queued", "running", "succeeded"}

    def test_a_model_is_registered_by_hand_and_shown(self, my_model: Json, here: dict[str, str]) -> None:
        body = json.dumps({"name": "by_hand", "run_id": my_model["run_id"]})
        version = printed(f"curl -X POST http://localhost:8000/mlops/registry -d '{body}'", here)
        assert (version["name"], version["version"]) == ("by_hand", 1)
        assert printed("curl http://localhost:8000/mlops/models/by_hand", here)["latest_version"] == 1

    def test_the_platform_tells_its_status(self, here: dict[str, str]) -> None:
        answer: Any = printed("curl http://localhost:8000/mlops/status", here)
        assert answer["status"] in {"ok", "degraded"}

    def test_the_documentation_is_at_docs(self, here: dict[str, str]) -> None:
        assert "<html" in bash("curl -s http://localhost:8000/docs", here)


def fields_of_inputs() -> str:
    return f"{{{fields(feature1=[1, 2, 3], feature2=[4, 5, 6])}}}"
