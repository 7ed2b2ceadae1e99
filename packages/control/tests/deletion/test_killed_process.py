"""The job of a deletion in a real process that is killed at every step of it, over a real tracker and a real engine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fragile_process
import httpx
import pytest
from fragile_process import NEVER
from sqlalchemy import create_engine, text
from waiting import Until

STEPS = ("undeploy", "images", "tombstones", "registered versions", "runs", "experiments")
FILES = {"MLmodel": "flavors: {python_function: {loader_module: mlflow.sklearn}, sklearn: {pickled_model: m.pkl}}\n"}
FILES |= {"m.pkl": "never unpickled here", "requirements.txt": "scikit-learn==1.5.0\n"}
REGISTRY = "/api/v1/ml/registry"
SERVED = "/api/v1/modelserving/models"


class Yard:
    """A home whose control plane is killed and started again, and what a test asks of it."""

    def __init__(self, home: Path, *, port: int, mlflow: str, until: Until, **settings: str) -> None:
        import mlflow as library  # noqa: PLC0415  # Takes seconds.

        self.home = home
        self.tracker = library.MlflowClient(mlflow, mlflow)
        self.model, self.other = f"killed-{port}", f"kept-{port}"
        """Names that no other test gives to the tracker that all of them share."""
        self._until = until
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "MLFLOW_"))}
        chosen = {"HOME": str(home), "PORT": str(port), "COMPILE_MODELS": "false", "MIRROR_SECONDS": "3600"}
        chosen |= {"LEASE_SECONDS": "1", **settings}
        environment = {f"MODELYARD_{name}": value for name, value in chosen.items()} | {"MLFLOW_TRACKING_URI": mlflow}
        self._log = (home.parent / "control-plane.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", fragile_process.__file__],
            env=kept | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def start(self, moment: str = NEVER) -> None:
        """Begin the next control plane."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{moment}\n")
        self._process.stdin.flush()

    def wait_until_killed(self) -> int:
        """Which signal ended it."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def wait_until_up(self) -> None:
        """Until it answers who is let in."""
        self._until(self._answers, seconds=60)

    def get(self, path: str) -> Any:
        """The answer to a question that shall succeed."""
        answer = self.api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def register(self, model: str, folder: Path) -> str:
        """Log a model in a run of its own, in the model's experiment, and register it; gives the run."""
        for name, content in FILES.items():
            (folder / name).write_text(content)
        found = self.tracker.get_experiment_by_name(model)
        experiment = found.experiment_id if found else self.tracker.create_experiment(model)
        run_id = str(self.tracker.create_run(experiment).info.run_id)
        logged = self.tracker.create_logged_model(experiment, name="model", source_run_id=run_id)
        self.tracker.log_model_artifacts(logged.model_id, str(folder))
        self.tracker.finalize_logged_model(logged.model_id, "READY")
        body = {"name": model, "artifact_id": f"models:/{logged.model_id}"}
        assert self.api.post(f"{REGISTRY}/models", json=body).status_code == 201
        return run_id

    def work(self, job_id: str) -> dict[str, Any]:
        """Wait for the job's end."""
        self._until(lambda: self.get(f"/mlops/jobs/{job_id}")["status"] not in {"queued", "running"}, seconds=60)
        return dict(self.get(f"/mlops/jobs/{job_id}"))

    def close(self) -> None:
        """End all that was started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self.api.close()
        self._log.close()

    def _answers(self) -> bool:
        token = self.home / "token"
        if token.exists():
            self.api.headers["Authorization"] = f"Bearer {token.read_text().strip()}"
        try:
            return self.api.get("/api/v1/access/whoami").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(params=["sqlite", "postgres"])
def yard(
    request: pytest.FixtureRequest, tmp_path: Path, free_port: int, mlflow_server: str, until: Until
) -> Iterator[Yard]:
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
    yard = Yard(tmp_path / "home", port=free_port, mlflow=mlflow_server, until=until, **settings)
    yield yard
    yard.close()


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> list[str]:
    """When it is killed: each step's work is done and nobody knows, and then once more when it is known."""
    both = "postgres" not in request.node.name
    return [f"{step} {moment}" for step in STEPS for moment in (("done", "kept") if both else ("done",))]


class TestKilledProcess:
    def test_the_job_goes_on_from_every_step_and_nothing_is_done_twice_or_left(
        self, yard: Yard, moments: list[str], tmp_path: Path
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

    def check_what_is_gone(self, yard: Yard, runs: list[str]) -> None:
        assert list((yard.home / "running").iterdir()) == []
        assert list((yard.home / "bundles").glob(f"*/{yard.model}/*")) == []
        found = [yard.tracker.get_run(run_id).info for run_id in runs]
        assert {run.lifecycle_stage for run in found} == {"deleted"}
        assert yard.tracker.get_experiment(found[0].experiment_id).lifecycle_stage == "deleted"
        assert yard.tracker.search_model_versions(f"name = '{yard.model}'") == []
        assert yard.api.get(f"{REGISTRY}/models/{yard.model}").status_code == 404
        tombstones = yard.get(f"{SERVED}/{yard.model}/tombstones")["tombstones"]
        assert [(one["version"], one["state"]) for one in tombstones] == [(1, "deleted"), (2, "deleted")]

    def check_what_is_there(self, yard: Yard, kept: str) -> None:
        run = yard.tracker.get_run(kept).info
        assert run.lifecycle_stage == "active"
        assert yard.tracker.get_experiment(run.experiment_id).lifecycle_stage == "active"
        assert yard.get(f"{REGISTRY}/models/{yard.other}/versions/1")["run_id"] == kept
        assert yard.get("/api/v1/audit/verify")["is_valid"]
        reported = [entry["action"] for entry in yard.get("/api/v1/audit?limit=200")["entries"]]
        assert [reported.count(action) for action in ("version.deleted", "model.deleted")] == [2, 1]
        assert len(list((yard.home / "scratch").iterdir())) == 2, "a folder and its lock, of the process that lives"
