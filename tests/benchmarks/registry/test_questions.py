"""The registry's benchmark fills the schema of today and asks questions that the API of today answers."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from benchmarks.registry.catalogue import LONG_MODEL, Size, entries
from benchmarks.registry.reads import Read, reads
from benchmarks.registry.seed_modelyard import seed
from fastapi.testclient import TestClient

from modelyard.http.settings import HttpSettings
from modelyard.main import ControlPlane, real_adapters
from modelyard.settings import Settings
from modelyard.storage import StorageSettings

SIZE = Size(models=12, versions=60, long_versions=70)
MAY_BE_EMPTY = {"models with a version of two tags", "models with a version of three tags"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The management API over the filled database; nothing works in the background."""
    home = tmp_path_factory.mktemp("home")
    url = f"sqlite:///{home / 'filled.db'}"
    token = seed(url, entries(SIZE))
    settings = Settings(
        storage=StorageSettings(home=home, database_url=url), http=HttpSettings(allowed_hosts=["testserver"])
    )
    control_plane = ControlPlane(settings, real_adapters(settings))
    client = TestClient(control_plane.app(), headers={"Authorization": f"Bearer {token}"})
    with start_blocking_portal() as client.portal:
        yield client
    control_plane.database.close()


def items(answer: dict[str, Any]) -> list[Any]:
    """What a page lists, or the one thing that was asked for."""
    return next((value for key, value in answer.items() if key in {"models", "versions"}), [answer])


class TestQuestions:
    @pytest.mark.parametrize("read", reads(SIZE), ids=lambda read: read.title)
    def test_each_is_answered(self, client: TestClient, read: Read) -> None:
        answers = [client.get(read.modelyard(random.Random(number))) for number in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 5, answers[0].text
        assert read.title in MAY_BE_EMPTY or any(items(answer.json()) for answer in answers)

    def test_every_seeded_version_is_listed(self, client: TestClient) -> None:
        listed = client.get(f"/api/v1/ml/registry/models/{LONG_MODEL}/versions?limit=200").json()["versions"]
        assert [version["version"] for version in listed] == list(range(SIZE.long_versions, 0, -1))

    def test_a_search_finds_the_versions_that_have_all_tags(self, client: TestClient) -> None:
        """The benchmark fills the bitmaps by itself, so they are compared with the versions' own tags."""
        models = "/api/v1/ml/registry/models"
        version = client.get(f"{models}/model-00003/versions/7").json()
        tags = list(version["tags"].items())[:3]
        found = client.get(models, params=[("tag", f"{key}:{value}") for key, value in tags]).json()["models"]
        assert len(tags) == 3
        assert "model-00003" in [model["name"] for model in found]
