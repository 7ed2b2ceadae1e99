"""The way of a version over HTTP, forth and back."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from access_platform import MODEL_FILES, Platform
from httpx import Client
from sqlalchemy import update

from modelyard.adapters.runner.fake import FakeRunner
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.ports.tracking import TrackedDataset
from modelyard.registry.tables import versions as rows_of_versions
from modelyard.training.logged import RUN_KEY_TAG

ROOT = "/api/v1/ml/registry"
SCRIPT = "log a model\n"
DIGEST = sha256(SCRIPT.encode()).hexdigest()
DATA = TrackedDataset("customers", "abc123", "local", '{"uri": "customers.csv"}', "training")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home: Path = tmp_path_factory.mktemp("lineage") / "home"
    with Platform(home) as platform:
        yield platform


@pytest.fixture(scope="module")
def made(platform: Platform) -> dict[str, str]:
    """Ids of what led to a version that a script made, and of its deployment."""

    def script(spec: RunSpec) -> RunOutcome:
        run_id = platform.tracking.log_run("churn", tags={RUN_KEY_TAG: spec.run_key}, datasets=[DATA])
        platform.tracking.log_model(run_id, "model", MODEL_FILES)
        return RunOutcome(RunPhase.FINISHED, exit_code=0)

    runner = platform.control._adapters.runner
    assert isinstance(runner, FakeRunner)
    runner._script = script
    owner = platform.operator
    body = {"script_name": "train_churn.py", "script_content": SCRIPT, "requirements": [], "model_name": "churn"}
    trained = owner.post("/mlops/training/upload", json=body).json()
    platform.engine.run_next()
    assert owner.post("/api/v1/deployments", json={"model_name": "churn"}).status_code == 202
    platform.engine.run_next()
    (deployment,) = owner.get("/api/v1/deployments").json()["deployments"]
    version = owner.get(f"{ROOT}/models/churn/versions/1").json()
    return {
        "job_id": trained["job_id"],
        "run_id": version["run_id"],
        "deployment_id": deployment["deployment_id"],
    }


@pytest.fixture
def owner(platform: Platform) -> Client:
    return platform.operator


def versions(owner: Client, **origin: str) -> list[tuple[str, int]]:
    answer = owner.get(f"{ROOT}/lineage", params=origin)
    assert answer.status_code == 200, answer.text
    return [(each["name"], each["version"]) for each in answer.json()["versions"]]


class TestForth:
    def test_a_version_tells_of_its_job_script_run_and_data(self, owner: Client, made: dict[str, str]) -> None:
        way = owner.get(f"{ROOT}/models/churn/versions/1/lineage").json()
        assert (way["version"]["version"], way["job"]["job_id"]) == (1, made["job_id"])
        assert way["script"] == {"name": "train_churn.py", "sha256": DIGEST}
        assert (way["run"]["run_id"], way["run"]["is_known"]) == (made["run_id"], True)
        assert way["run"]["data"] == [
            {
                "name": "customers",
                "digest": "abc123",
                "source_type": "local",
                "source": '{"uri": "customers.csv"}',
                "context": "training",
            }
        ]

    def test_it_tells_what_it_was_built_to_and_where_it_serves(self, owner: Client, made: dict[str, str]) -> None:
        way = owner.get(f"{ROOT}/models/churn/versions/1/lineage").json()
        assert way["image"]["runtime"] == "sklearn"
        assert [each["deployment_id"] for each in way["deployments"]] == [made["deployment_id"]]

    def test_a_tracker_that_is_away_hides_its_part_only(
        self, owner: Client, platform: Platform, made: dict[str, str]
    ) -> None:
        platform.tracking.is_available = False
        try:
            way = owner.get(f"{ROOT}/models/churn/versions/1/lineage").json()
        finally:
            platform.tracking.is_available = True
        assert (way["run"]["is_known"], way["job"]["job_id"]) == (False, made["job_id"])

    def test_the_data_is_kept_with_the_version_whatever_becomes_of_the_run(
        self, owner: Client, platform: Platform, made: dict[str, str]
    ) -> None:
        run = platform.tracking._runs[made["run_id"]]
        platform.tracking._runs[made["run_id"]] = replace(run, datasets=())
        try:
            way = owner.get(f"{ROOT}/models/churn/versions/1/lineage").json()
        finally:
            platform.tracking._runs[made["run_id"]] = run
        assert [each["digest"] for each in way["run"]["data"]] == ["abc123"]
        assert owner.get(f"{ROOT}/models/churn/versions/1").json()["datasets"] == way["run"]["data"]

    def test_a_version_from_before_there_was_a_list_tells_what_its_run_tells(
        self, owner: Client, platform: Platform, made: dict[str, str]
    ) -> None:
        with platform.control.database.write() as connection:
            connection.execute(update(rows_of_versions).values(datasets=None))
        way = owner.get(f"{ROOT}/models/churn/versions/1/lineage").json()
        assert (way["run"]["run_id"], way["run"]["data"][0]["digest"]) == (made["run_id"], "abc123")
        assert owner.get(f"{ROOT}/models/churn/versions/1").json()["datasets"] is None

    def test_who_may_not_read_jobs_is_not_reported_of_them(self, platform: Platform, made: dict[str, str]) -> None:
        narrow = platform.member(platform.operator, "narrow", "viewer", scopes=["models:read"])
        way = narrow.get(f"{ROOT}/models/churn/versions/1/lineage").json()
        assert (way["job"], way["deployments"]) == (None, [])


class TestBack:
    def test_run_job_deployment_and_script_lead_to_the_version(self, owner: Client, made: dict[str, str]) -> None:
        for origin in (*({key: value} for key, value in made.items()), {"script_sha256": DIGEST}):
            assert versions(owner, **origin) == [("churn", 1)]

    def test_what_led_nowhere_gives_none(self, owner: Client, made: dict[str, str]) -> None:
        for origin in ({"run_id": "x"}, {"job_id": "x"}, {"script_sha256": "0" * 64}, {"deployment_id": "x"}):
            assert versions(owner, **origin) == []

    def test_another_tenants_versions_are_none(self, platform: Platform, made: dict[str, str]) -> None:
        stranger = platform.tenant("stranger")
        assert versions(stranger, run_id=made["run_id"]) == []
        assert versions(stranger, script_sha256=DIGEST) == []

    @pytest.mark.parametrize("query", ["", "run_id=a&job_id=b"])
    def test_one_thing_is_asked_for(self, owner: Client, query: str) -> None:
        answer = owner.get(f"{ROOT}/lineage?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "origin_invalid")

    def test_the_script_of_a_version_cannot_be_edited_away(self, owner: Client, made: dict[str, str]) -> None:
        change = {"tags": {"modelyard.script_sha256": None}}
        assert owner.patch(f"{ROOT}/models/churn/versions/1", json=change).status_code == 400
