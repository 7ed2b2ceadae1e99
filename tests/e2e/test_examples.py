"""Each example, deployed, answers what its model said in the training process."""

import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.e2e.stack import EXAMPLES, SCRIPTS, Json, Stack, wait_for
from uv import find_uv_bin

TORCH = "torch==2.13.0"


def holdout_of(stack: Stack, run_id: str) -> Json:
    """What the training process kept of the rows that it held out."""
    query = urllib.parse.urlencode({"path": "holdout.json", "run_uuid": run_id})
    answer = stack.tracker.get(f"/get-artifact?{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def can_uv_get(requirement: str, folder: Path) -> bool:
    """Whether uv finds the package: without downloading it, and without building anything."""
    (folder / "requirements.in").write_text(requirement)
    compiled = subprocess.run(
        [find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "requirements.in"],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    return compiled.returncode == 0


Example = tuple[Path, Json]
"""Its folder, and its job when it is deployed."""


@pytest.fixture(scope="module", params=["breast_cancer", "diabetes", "automobiles", "digits"])
def example(
    request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    """Each example, deployed."""
    folder = EXAMPLES / request.param
    if request.param == "digits" and not can_uv_get(TORCH, tmp_path_factory.mktemp("torch")):
        pytest.skip(f"uv finds no {TORCH} here; UV_FIND_LINKS may name a folder with its wheel")
    model_name = f"example-{request.param.replace('_', '-')}"
    yield folder, stack.deployed(folder / "train.py", model_name=model_name, replicas=2)
    stack.undeploy(model_name)


def assert_same(served: Any, trained: Any, *, job: Json, stack: Stack) -> None:
    """Equal to the last digit of the type that the model answers in; JSON shows the shortest number that is equal.

    A compiled model may differ by the tolerance that its report states: labels are equal, sums may be rounded
    otherwise. The network is an exception uncompiled too, since its sums depend on how the rows are batched.
    """
    model = stack.anyone.get(f"{job['deployment_url']}/v2/models/{job['model_name']}").json()
    dtype = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64}[model["outputs"][0]["datatype"]]
    bundle = bundle_of(stack, job)
    tolerance = {"relative": 0, "absolute": 1e-6 if job["model_name"] == "example-digits" else 0}
    if bundle["is_compiled"] and dtype is not np.int64:
        tolerance = bundle["compilation"]["tolerance"]
    np.testing.assert_allclose(
        np.asarray(served, dtype), np.asarray(trained, dtype), rtol=tolerance["relative"], atol=tolerance["absolute"]
    )


def bundle_of(stack: Stack, job: Json) -> Json:
    """What the version of a job was built to."""
    path = f"/api/v1/ml/registry/models/{job['model_name']}/versions/{job['model_version']}/bundle"
    return stack.get(path)


def one_row(inputs: Any, row: int) -> Any:
    """The inputs of one row, of columns or of a tensor."""
    if isinstance(inputs, dict):
        return {name: values[row : row + 1] for name, values in inputs.items()}
    return inputs[row : row + 1]


class TestExamples:
    def test_predict_answers_what_the_training_process_said(self, stack: Stack, example: Example) -> None:
        _, job = example
        holdout = holdout_of(stack, job["run_id"])

        predictions = stack.predict(job["deployment_url"], holdout["inputs"])

        assert_same(predictions, holdout["predictions"], job=job, stack=stack)

    def test_the_answer_for_one_row_is_the_same_as_among_many(self, stack: Stack, example: Example) -> None:
        _, job = example
        holdout = holdout_of(stack, job["run_id"])
        inputs = holdout["inputs"]

        for row in range(5):
            predictions = stack.predict(job["deployment_url"], one_row(inputs, row))

            assert_same(predictions, holdout["predictions"][row : row + 1], job=job, stack=stack)

    def test_infer_and_predict_agree_on_the_sample_requests(self, stack: Stack, example: Example) -> None:
        folder, job = example
        url, model = job["deployment_url"], job["model_name"]
        predictions = stack.predict(url, json.loads((folder / "request.json").read_text())["inputs"])

        answer = stack.anyone.post(f"{url}/v2/models/{model}/infer", content=(folder / "infer.json").read_bytes())

        assert answer.status_code == 200, answer.text
        (output,) = answer.json()["outputs"]
        rows = output["shape"][0]
        width = len(output["data"]) // rows
        flat = [value for row in predictions for value in (row if isinstance(row, list) else [row])]
        assert (rows, width) == (len(predictions), len(flat) // len(predictions))
        assert_same(output["data"], flat, job=job, stack=stack)

    def test_the_report_says_whether_the_translation_is_served_and_why(
        self, stack: Stack, example: Example, figures: dict[str, str]
    ) -> None:
        _, job = example

        bundle = bundle_of(stack, job)

        report = bundle["compilation"]
        assert bundle["is_compiled"], report["reasons"]
        assert (bundle["runtime"], report["accepted"]) == ("onnx", True)
        assert report["rows"]["sampled"] >= 100
        assert min(speed["speed_up"] for speed in report["speed"]) > 1
        figures[f"compiled, {job['model_name']}, one row"] = f"{report['speed'][0]['speed_up']:.1f} times as fast"

    def test_the_version_keeps_what_the_run_logged(self, stack: Stack, example: Example) -> None:
        _, job = example

        model = stack.get(f"/mlops/models/{job['model_name']}")

        (version,) = model["versions"]
        assert version["metrics"]
        assert version["parameters"]
        assert version["signature"]
        assert version["run_id"] == job["run_id"]
        assert version["job_id"] == job["job_id"]

    def test_the_version_is_mirrored_to_mlflow(self, stack: Stack, example: Example) -> None:
        _, job = example

        def mirrored() -> Any:
            query = {"filter": f"name='{job['model_name']}'"}
            answer = stack.tracker.get("/api/2.0/mlflow/model-versions/search", params=query)
            return answer.json().get("model_versions")

        (version,) = wait_for(mirrored, what=lambda: f"the mirror of {job['model_name']}\n{stack.log_ends()}")

        assert version["run_id"] == job["run_id"]
        assert {"key": "modelyard.version", "value": job["model_version"]} in version["tags"]

    def test_both_replicas_answer(self, stack: Stack, example: Example) -> None:
        _, job = example

        deployment = stack.get(f"/api/v1/deployments/{job['deployment_id']}")

        assert (deployment["status"], deployment["replicas"], deployment["ready_replicas"]) == ("ready", 2, 2)
        assert len({replica["pid"] for replica in deployment["replica_states"]}) == 2


class TestArrays:
    def test_a_model_whose_example_is_an_array_is_compiled_and_answers(self, stack: Stack) -> None:
        needs = ["pandas", "scikit-learn", "skops"]
        job = stack.deployed(SCRIPTS / "array_classifier.py", model_name="arrays", requirements=needs)
        bundle = bundle_of(stack, job)

        assert bundle["is_compiled"], bundle["compilation"]
        assert stack.predict(job["deployment_url"], [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]) == [0, 2]
        stack.undeploy("arrays")


class TestAgain:
    def test_the_second_one_click_is_served_soon(self, stack: Stack, figures: dict[str, str]) -> None:
        script = EXAMPLES / "breast_cancer" / "train.py"
        stack.deployed(script, model_name="again")

        job = stack.deployed(script, model_name="again")
        stack.undeploy("again")

        figures["one click, scikit-learn example, warm cache"] = f"{job['duration_seconds']:.1f} s (owed: 20 s)"
        assert job["model_version"] == "2"
        assert job["duration_seconds"] < 60  # Generous: it tells a warm cache from a cold one, and is not a benchmark.
