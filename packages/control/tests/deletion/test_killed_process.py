"""The job of a deletion in a real process that is killed at every step of it, over a real tracker and a real engine."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from killed_yard import REGISTRY, KilledYard
from sqlalchemy import create_engine, text
from waiting import Until

STEPS = ("undeploy", "images", "tombstones", "registered versions", "runs", "experiments")
SERVED = "/api/v1/modelserving/models"


@pytest.fixture(params=["sqlite", "postgres"])
def yard(
    request: pytest.FixtureRequest, tmp_path: Path, free_port: int, mlflow_server: str, until: Until
) -> Iterator[KilledYard]:
    """A home on each database, with one for the engine's checkpoints beside it."""
    settings: dict[str, str] = {}
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in ("killed", "killed_jobs"):
                connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        root = url.rpartition("/")[0]
        settings = {"DATABASE_URL": f"{root}/killed", "JOBS_DATABASE_URL": f"{root}/killed_jobs"}
    yard = KilledYard(tmp_path / "home", port=free_port, mlflow=mlflow_server, until=until, **settings)
    yield yard
    yard.close()


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> list[str]:
    """When it is killed: each step's work is done and nobody knows, and then once more when it is known."""
    both = "postgres" not in request.node.name
    return [f"{step} {moment}" for step in STEPS for moment in (("done", "kept") if both else ("done",))]


class TestKilledProcess:
    def test_the_job_goes_on_from_every_step_and_nothing_is_done_twice_or_left(
        self, yard: KilledYard, moments: list[str], tmp_path: Path
    ) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        yard.start(moments[0])
        yard.wait_until_up()
        runs, kept = [yard.register(yard.model, folder) for _ in range(2)], yard.register(yard.other, folder)
        deployed = yard.api.post("/api/v1/deployments", json={"model_name": yard.model}).json()
        assert yard.work(deployed["job_id"])["status"] == "succeeded"
        assert len(list((yard.home / "running").iterdir())) == 1

        answer = yard.api.delete(f"{SERVED}/{yard.model}", params={"delete_mode": 2, "reason": "a test"})
        assert answer.status_code == 202, answer.text
        for moment in moments[1:]:
            assert yard.wait_until_killed() == signal.SIGKILL
            yard.start(moment)
        assert yard.wait_until_killed() == signal.SIGKILL
        yard.start()
        yard.wait_until_up()
        job = yard.work(answer.json()["job_id"])

        assert (job["status"], job["error"]) == ("succeeded", None)
        self.check_what_is_gone(yard, runs)
        self.check_what_is_there(yard, kept)

    def check_what_is_gone(self, yard: KilledYard, runs: list[str]) -> None:
        assert list((yard.home / "running").iterdir()) == []
        assert list((yard.home / "bundles").glob(f"*/{yard.model}/*")) == []
        found = [yard.tracker.get_run(run_id).info for run_id in runs]
        assert {run.lifecycle_stage for run in found} == {"deleted"}
        assert yard.tracker.get_experiment(found[0].experiment_id).lifecycle_stage == "deleted"
        assert yard.tracker.search_model_versions(f"name = '{yard.model}'") == []
        assert yard.api.get(f"{REGISTRY}/models/{yard.model}").status_code == 404
        tombstones = yard.get(f"{SERVED}/{yard.model}/tombstones")["tombstones"]
        assert [(one["version"], one["state"]) for one in tombstones] == [(1, "deleted"), (2, "deleted")]

    def check_what_is_there(self, yard: KilledYard, kept: str) -> None:
        run = yard.tracker.get_run(kept).info
        assert run.lifecycle_stage == "active"
        assert yard.tracker.get_experiment(run.experiment_id).lifecycle_stage == "active"
        assert yard.get(f"{REGISTRY}/models/{yard.other}/versions/1")["run_id"] == kept
        assert yard.get("/api/v1/audit/verify")["is_valid"]
        reported = [entry["action"] for entry in yard.get("/api/v1/audit?limit=200")["entries"]]
        assert [reported.count(action) for action in ("version.deleted", "model.deleted")] == [2, 1]
        assert len(list((yard.home / "scratch").iterdir())) == 2, "a folder and its lock, of the process that lives"
