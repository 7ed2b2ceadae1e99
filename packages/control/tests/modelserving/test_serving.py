"""Deploying and undeploying by the contract: only a built image is deployed, and only what is deployed goes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from image_yard import ImageYard

from modelyard.main import Adapters
from modelyard.ports.tracking import LoggedModel

SERVED = "/api/v1/modelserving"
VERSION = f"{SERVED}/models/my_model/versions/1"


@pytest.fixture
def yard(adapters: Adapters, log_model: Callable[..., LoggedModel], tmp_path: Path) -> Iterator[ImageYard]:
    with ImageYard(tmp_path / "home", adapters, log_model, images={}).working() as yard:
        yard.register()
        yield yard


def ended(yard: ImageYard, verb: str, **body: Any) -> Any:
    """The job of a verb, when it has ended."""
    answer = yard.api.post(f"{VERSION}/{verb}", json=body)
    assert answer.status_code == 202, answer.text
    yard.work()
    return yard.api.get(f"{SERVED}/jobs/{answer.json()['job_id']}").json()


class TestDeploy:
    def test_without_an_image_it_says_what_to_do(self, yard: ImageYard) -> None:
        answer = yard.api.post(f"{VERSION}/deploy", json={"target": "loading"})
        assert (answer.status_code, answer.json()["code"]) == (409, "image_not_built")
        assert "modelyard images build my_model/1 --target loading" in answer.json()["error"]

    def test_a_built_image_is_deployed_and_undeployed(self, yard: ImageYard) -> None:
        yard.make()
        job = ended(yard, "deploy", target="LOADING", replicas=2)
        assert (job["status"], job["kind"], job["image_name"]) == (
            "succeeded",
            "deployment",
            "localhost/modelyard:my-model-v1",
        )
        version = yard.api.get(VERSION).json()
        assert version["deployment_endpoint"] == job["deployment_url"]
        assert (version["api_url"], job["api_url"]) == (None, None)  # There is no gateway.
        gone = ended(yard, "undeploy")
        assert (gone["status"], gone["kind"], gone["error"]) == ("succeeded", "undeployment", None)
        assert yard.api.get(VERSION).json()["deployments"] == []
        assert yard.loading.deployment_ids() == []

    def test_a_target_of_bundles_needs_no_image(self, yard: ImageYard) -> None:
        assert ended(yard, "deploy", target="bundles")["status"] == "succeeded"

    def test_a_target_that_is_not_configured(self, yard: ImageYard) -> None:
        answer = yard.api.post(f"{VERSION}/deploy", json={"target": "ACI"})
        assert (answer.status_code, answer.json()["code"]) == (400, "target_unknown")


class TestUndeploy:
    def test_what_is_not_deployed_does_not_go(self, yard: ImageYard) -> None:
        answer = yard.api.post(f"{VERSION}/undeploy")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_deployed")

    def test_only_the_target_that_is_named_is_left(self, yard: ImageYard) -> None:
        yard.make()
        ended(yard, "deploy", target="bundles")
        ended(yard, "deploy", target="loading")
        assert yard.api.post(f"{VERSION}/undeploy", json={"namespace": "elsewhere"}).status_code == 409
        assert ended(yard, "undeploy", target="loading")["status"] == "succeeded"
        (left,) = yard.api.get(VERSION).json()["deployments"]
        assert left["status"] == "ready"


class TestInference:
    def test_a_version_that_nothing_of_ours_trained_is_refused(self, yard: ImageYard) -> None:
        """`retraining/test_retraining.py` retrains those that a script trained."""
        answer = yard.api.post(f"{VERSION}/inference", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "recipe_missing")
        assert yard.api.post(f"{SERVED}/models/my_model/versions/9/inference", json={}).status_code == 404
