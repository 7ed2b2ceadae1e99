"""Images by the contract of Models and ModelVersions: of a version, and of an artifact that becomes one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from image_yard import ImageYard

from modelyard.main import Adapters
from modelyard.ports.tracking import LoggedModel

MODELS = "/api/v1/modelserving/models"


@pytest.fixture
def yard(adapters: Adapters, log_model: Callable[..., LoggedModel], tmp_path: Path) -> Iterator[ImageYard]:
    with ImageYard(tmp_path / "home", adapters, log_model, images={}).working() as yard:
        yield yard


class TestImagesOfVersions:
    def test_an_artifact_becomes_a_version_with_an_image(
        self, yard: ImageYard, log_model: Callable[..., LoggedModel]
    ) -> None:
        body = {"artifact_id": log_model().run_id, "tags": {"team": "red"}}
        accepted = yard.api.post(f"{MODELS}/my_model/image", json=body)
        assert accepted.status_code == 202, accepted.text
        assert (accepted.json()["model_name"], accepted.json()["model_version"]) == ("my_model", 1)
        yard.work()
        version = yard.api.get(f"{MODELS}/my_model/versions/1").json()
        assert version["tags"]["team"] == "red"
        assert version["image_name"].startswith("localhost/modelyard:my-model-v1@sha256:")

    def test_an_artifact_that_is_a_version_is_not_registered_again(
        self, yard: ImageYard, log_model: Callable[..., LoggedModel]
    ) -> None:
        logged = log_model()
        for artifact_id in (logged.run_id, logged.uri):
            answer = yard.api.post(f"{MODELS}/my_model/image", json={"artifact_id": artifact_id})
            assert answer.json()["model_version"] == 1
        other = yard.api.post(f"{MODELS}/my_model/image", json={"artifact_id": log_model().run_id})
        assert other.json()["model_version"] == 2

    def test_a_version_is_found_however_many_came_after_it(
        self, yard: ImageYard, log_model: Callable[..., LoggedModel], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.registry.registration.MAX_LIMIT", 1)
        logged = [log_model() for _ in range(3)]
        for expected, one in enumerate([*logged, logged[0]], start=1):
            answer = yard.api.post(f"{MODELS}/my_model/image", json={"artifact_id": one.run_id})
            assert answer.json()["model_version"] == (expected if expected <= len(logged) else 1)

    def test_what_cannot_become_an_image_becomes_no_version(
        self, yard: ImageYard, log_model: Callable[..., LoggedModel]
    ) -> None:
        body = {"artifact_id": log_model().run_id, "push": True}
        answer = yard.api.post(f"{MODELS}/my_model/image", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "image_repository_local")
        assert yard.api.get(f"{MODELS}/my_model").status_code == 404

    def test_a_version_that_is_there_gets_one_without_a_body(self, yard: ImageYard) -> None:
        yard.register()
        assert yard.api.post(f"{MODELS}/my_model/versions/1/image").status_code == 202
        yard.work()
        assert yard.images()[0]["state"] == "built"
