"""Two and three control planes as real processes on one PostgreSQL, under load, killed in turn.

Each step of a job runs in one process at a time, nothing is lost, and what a killed process had begun goes on in
another one within ten seconds.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import journaling_process
import pytest
from ports import find_free_port
from sqlalchemy import create_engine, text
from waiting import Until

FILES = {"MLmodel": "flavors: {python_function: {loader_module: mlflow.sklearn}, sklearn: {pickled_model: m.pkl}}\n"}
FILES |= {"m.pkl": "never unpickled here", "requirements.txt": "scikit-learn==1.5.0\n"}
TAKE_OVER_SECONDS = 10
JOBS = 16


@dataclass
class Member:
    """One control plane."""

    process: subprocess.Popen[bytes]
    api: httpx.Client


@dataclass
class Cluster:
    """Several control planes of one home and one database."""

    folder: Path
    settings: Mapping[str, str]
    until: Until
    members: list[Member] = field(default_factory=list)
    killed: dict[int, float] = field(default_factory=dict)
    """When each killed process was killed, by its id."""

    def begin(self) -> Member:
        """One more, which answers."""
        port = find_free_port()
        with (self.folder / f"log-{port}").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", journaling_process.__file__],
                env={**self.settings, "MODELYARD_PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        member = Member(process, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60))
        self.members.append(member)
        self.until(lambda: self._answers(member), seconds=90)
        return member

    def kill(self, member: Member) -> None:
        """In the middle of whatever it does."""
        self.members.remove(member)
        member.process.send_signal(signal.SIGKILL)
        self.killed[member.process.pid] = time.time()
        member.process.wait()
        member.api.close()

    def kill_one_at_work(self) -> None:
        """Which one is chance: any process takes any job, and a quick one takes all."""
        found: list[Member] = []

        def is_one_at_work() -> bool:
            found.extend(self.working())
            return bool(found)

        self.until(is_one_at_work, seconds=60)
        self.kill(found[0])

    def working(self) -> list[Member]:
        """Those within a step."""
        steps = Counter[int]()
        for entry in self.journal():
            steps[entry["pid"]] += 1 if entry["what"] == "begun" else -1
        return [member for member in self.members if steps[member.process.pid] > 0]

    def journal(self) -> list[dict[str, Any]]:
        """What all wrote down, in the order of the file."""
        path = self.folder / "journal"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def jobs(self, ids: list[str]) -> list[dict[str, Any]]:
        """As any member that lives shows them."""
        return [self.members[0].api.get(f"/mlops/jobs/{job}").json() for job in ids]

    def close(self) -> None:
        """End all that was begun."""
        for member in self.members:
            member.process.kill()
            member.process.wait()
            member.api.close()

    def _answers(self, member: Member) -> bool:
        assert member.process.poll() is None, "it did not start"
        token = self.folder / "home" / "token"
        if token.exists():
            member.api.headers["Authorization"] = f"Bearer {token.read_text().strip()}"
        try:
            return member.api.get("/api/v1/access/whoami").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def cluster(tmp_path: Path, postgres_url: str, mlflow_server: str, until: Until) -> Iterator[Cluster]:
    root = postgres_url.rpartition("/")[0]
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    names = ("several", "several_jobs")
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"CREATE DATABASE {name}"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "MLFLOW_"))}
    settings = {
        **kept,
        "MODELYARD_HOME": str(tmp_path / "home"),
        "MODELYARD_DATABASE_URL": f"{root}/several",
        "MODELYARD_JOBS_DATABASE_URL": f"{root}/several_jobs",
        "MODELYARD_COMPILE_MODELS": "false",
        # A job that was taken over must not wait for a free slot: the wait would be measured as taking over.
        "MODELYARD_CONCURRENT_JOBS": str(JOBS),
        "MLFLOW_TRACKING_URI": mlflow_server,
        "JOURNAL": str(tmp_path / "journal"),
    }
    cluster = Cluster(tmp_path, settings, until)
    yield cluster
    cluster.close()
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.mark.parametrize("count", [2, 3])
class TestSeveralControlPlanes:
    def test_killed_in_turn_they_run_every_step_once_at_a_time_and_lose_nothing(
        self, cluster: Cluster, mlflow_server: str, tmp_path: Path, count: int
    ) -> None:
        for _ in range(count):
            cluster.begin()
        model = _registered(cluster.members[0], mlflow_server, tmp_path)
        jobs = []
        for turn in range(count):
            # A part of the jobs for each turn: else a quick machine has done all before the last one is killed.
            parts = range(JOBS * turn // count, JOBS * (turn + 1) // count)
            jobs += [_deploy(cluster.members[number % count], model, number) for number in parts]
            cluster.kill_one_at_work()
            if turn < count - 1:
                cluster.begin()
        with suppress(AssertionError):  # The next line shows those that go on, and those that failed.
            cluster.until(
                lambda: all(job["status"] in {"succeeded", "failed"} for job in cluster.jobs(jobs)), seconds=240
            )
        assert [job for job in cluster.jobs(jobs) if job["status"] != "succeeded"] == []
        assert _overlaps(cluster) == []
        assert max(_take_over_seconds(cluster), default=0.0) <= TAKE_OVER_SECONDS
        serving = cluster.members[0].api.get("/api/v1/deployments", params={"limit": 100}).json()["deployments"]
        assert sorted(one["namespace"] for one in serving) == sorted(f"ns-{number}" for number in range(JOBS))
        assert len(list((tmp_path / "home" / "running").iterdir())) == JOBS
        assert cluster.members[0].api.get("/api/v1/audit/verify").json()["is_valid"]


def _registered(member: Member, mlflow: str, folder: Path) -> str:
    """A model with one version, of a run in the tracker."""
    import mlflow as library  # noqa: PLC0415  # Takes seconds.

    tracker, name = library.MlflowClient(mlflow, mlflow), f"several-{os.getpid()}-{time.time_ns()}"
    files = folder / "model"
    files.mkdir()
    for file, content in FILES.items():
        (files / file).write_text(content)
    experiment = tracker.create_experiment(name)
    run_id = str(tracker.create_run(experiment).info.run_id)
    logged = tracker.create_logged_model(experiment, name="model", source_run_id=run_id)
    tracker.log_model_artifacts(logged.model_id, str(files))
    tracker.finalize_logged_model(logged.model_id, "READY")
    body = {"name": name, "artifact_id": f"models:/{logged.model_id}"}
    answer = member.api.post("/api/v1/ml/registry/models", json=body)
    assert answer.status_code == 201, answer.text
    return name


def _deploy(member: Member, model: str, number: int) -> str:
    answer = member.api.post("/api/v1/deployments", json={"model_name": model, "namespace": f"ns-{number}"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def _spans(cluster: Cluster) -> dict[tuple[str, str], list[tuple[float, float, int]]]:
    """By job and step: when it was begun, when it ended or was killed, and in which process."""
    open_spans: dict[tuple[str, str, int], float] = {}
    spans: dict[tuple[str, str], list[tuple[float, float, int]]] = defaultdict(list)
    for entry in cluster.journal():
        step, pid = (entry["job"], entry["step"]), entry["pid"]
        if entry["what"] == "begun":
            open_spans[*step, pid] = entry["at"]
        else:
            spans[step].append((open_spans.pop((*step, pid)), entry["at"], pid))
    for (job, name, pid), begun in open_spans.items():
        spans[job, name].append((begun, cluster.killed[pid], pid))
    return {step: sorted(each) for step, each in spans.items()}


def _overlaps(cluster: Cluster) -> list[tuple[str, str]]:
    """Steps that two processes were in at one time."""
    return [
        step for step, spans in _spans(cluster).items() for earlier, later in pairwise(spans) if later[0] < earlier[1]
    ]


def _take_over_seconds(cluster: Cluster) -> list[float]:
    """From each kill within a step until another process was in that step."""
    return [
        later[0] - earlier[1]
        for spans in _spans(cluster).values()
        for earlier, later in pairwise(spans)
        if cluster.killed.get(earlier[2]) == earlier[1]
    ]
