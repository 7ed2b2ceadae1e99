"""What every adapter of `TrackerRemoval` keeps: what is put aside comes back whole, and only that goes for good."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from modelyard.adapters.tracking import FakeTracking, MlflowTracking
from modelyard.errors import NotFound, Unavailable
from modelyard.ports.tracking import LoggedModel, Tracking

FILES = {"MLmodel": b"flavors: {}\n", "model.pkl": b"x"}
NOBODY = "0" * 32


@dataclass(frozen=True)
class Subject:
    """An adapter under test, and a script that logs a run with a model in an experiment."""

    tracking: Tracking
    log: Callable[[str], LoggedModel]
    log_outside: Callable[[str], str]
    """Logs a model in the experiment without a run; gives its id. The fake has no such models."""

    def run_of(self, logged: LoggedModel) -> str:
        assert logged.run_id is not None
        return logged.run_id

    def experiment_of(self, run_id: str) -> str:
        experiment_id = self.tracking.experiment_of(run_id)
        assert experiment_id is not None
        return experiment_id

    def files(self, logged: LoggedModel, folder: Path) -> set[str]:
        target = folder / uuid4().hex
        target.mkdir()
        self.tracking.download(logged.uri, target)
        return {path.name for path in target.iterdir()}


@pytest.fixture(params=["mlflow", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.getfixturevalue(f"{request.param}_removal")
    return made


@pytest.fixture
def client(mlflow_server: str) -> Any:
    import mlflow  # noqa: PLC0415  # Takes seconds.

    return mlflow.MlflowClient(mlflow_server, mlflow_server)


@pytest.fixture
def mlflow_removal(mlflow_server: str, mlflow_backend: str, client: Any, tmp_path: Path) -> Subject:
    tracking = MlflowTracking(uri=mlflow_server, backend_uri=mlflow_backend)
    for path, content in FILES.items():
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / path).write_bytes(content)

    def log_in(experiment_id: str, run_id: str | None) -> str:
        model = client.create_logged_model(experiment_id, name="model", source_run_id=run_id)
        client.log_model_artifacts(model.model_id, str(tmp_path / "model"))
        client.finalize_logged_model(model.model_id, "READY")
        return str(model.model_id)

    def log(experiment: str) -> LoggedModel:
        run = client.create_run(tracking.ensure_experiment(experiment)).info
        log_in(run.experiment_id, run.run_id)
        (logged,) = tracking.logged_models(run.run_id)
        return logged

    return Subject(tracking, log, lambda experiment: log_in(tracking.ensure_experiment(experiment), None))


@pytest.fixture
def fake_removal() -> Subject:
    fake = FakeTracking()
    return Subject(fake, lambda name: fake.log_model(fake.log_run(name), "model", FILES), lambda _: "")


@pytest.fixture
def name() -> str:
    """A name that no other test uses; the server is shared."""
    return f"name-{uuid4().hex[:12]}"


class TestRuns:
    def test_a_run_that_is_put_aside_comes_back_with_its_files(
        self, subject: Subject, name: str, tmp_path: Path
    ) -> None:
        logged = subject.log(name)
        run_id = subject.run_of(logged)
        experiment_id = subject.experiment_of(run_id)

        for _ in range(2):
            subject.tracking.delete_run(run_id)
        assert subject.tracking.alive_in_experiment(experiment_id) is None
        assert list(subject.tracking.restore_run(run_id)) == []

        assert run_id in (subject.tracking.alive_in_experiment(experiment_id) or "")
        assert subject.files(logged, tmp_path) == FILES.keys()

    def test_what_is_not_there_need_not_be_removed(self, subject: Subject) -> None:
        subject.tracking.delete_run(NOBODY)
        subject.tracking.delete_experiment("99999")
        subject.tracking.purge_model(f"models:/m-{NOBODY}")
        assert subject.tracking.purge_run(NOBODY)
        assert subject.tracking.purge_experiment("99999")
        assert subject.tracking.experiment_of(NOBODY) is None
        with pytest.raises(NotFound):
            subject.tracking.restore_run(NOBODY)

    def test_a_run_that_is_alive_is_never_purged(self, subject: Subject, name: str, tmp_path: Path) -> None:
        logged = subject.log(name)
        subject.tracking.purge_run(subject.run_of(logged))
        assert subject.files(logged, tmp_path) == FILES.keys()

    def test_a_purged_run_is_gone_and_the_other_is_not(self, subject: Subject, name: str, tmp_path: Path) -> None:
        logged, other = subject.log(name), subject.log(name)
        run_id = subject.run_of(logged)
        subject.tracking.delete_run(run_id)

        for _ in range(2):
            subject.tracking.purge_model(logged.uri)
            assert subject.tracking.purge_run(run_id)

        for call in (subject.tracking.run, subject.tracking.restore_run):
            with pytest.raises(NotFound):
                call(run_id)
        with pytest.raises(NotFound):
            subject.tracking.logged_model(logged.uri)
        assert subject.files(other, tmp_path) == FILES.keys()


class TestExperiments:
    def test_an_experiment_comes_back_with_its_name_and_says_which_runs_came_too(
        self, subject: Subject, name: str
    ) -> None:
        first, second = (subject.run_of(subject.log(name)) for _ in range(2))
        experiment_id = subject.experiment_of(first)
        subject.tracking.delete_run(first)
        for _ in range(2):
            subject.tracking.delete_experiment(experiment_id)

        assert list(subject.tracking.restore_run(first)) == [second]

        assert subject.tracking.ensure_experiment(name) == experiment_id

    def test_its_name_is_free_while_it_is_put_aside(self, subject: Subject, name: str) -> None:
        first = subject.run_of(subject.log(name))
        subject.tracking.delete_experiment(subject.experiment_of(first))

        second = subject.run_of(subject.log(name))
        subject.tracking.restore_run(first)

        assert subject.experiment_of(first) != subject.experiment_of(second)
        assert subject.tracking.ensure_experiment(name) == subject.experiment_of(second)

    def test_another_run_that_is_alive_is_reported(self, subject: Subject, name: str) -> None:
        first, second = (subject.run_of(subject.log(name)) for _ in range(2))
        experiment_id = subject.experiment_of(first)
        alive = subject.tracking.alive_in_experiment(experiment_id, besides=[first])
        assert alive == f"run '{second}' is in it"
        assert subject.tracking.alive_in_experiment(experiment_id, besides=[first, second]) is None

    def test_a_purged_experiment_is_gone_once_its_runs_are(self, subject: Subject, name: str) -> None:
        logged = subject.log(name)
        run_id = subject.run_of(logged)
        experiment_id = subject.experiment_of(run_id)
        subject.tracking.delete_experiment(experiment_id)
        subject.tracking.purge_experiment(experiment_id)
        assert subject.experiment_of(run_id) == experiment_id

        subject.tracking.purge_run(run_id)
        assert subject.tracking.purge_experiment(experiment_id)

        assert subject.tracking.experiment_of(run_id) is None


class TestMlflowItself:
    def test_the_first_experiment_and_one_with_a_model_of_no_run_stay(self, mlflow_removal: Subject, name: str) -> None:
        logged = mlflow_removal.log(name)
        model_id = mlflow_removal.log_outside(name)
        run_id = mlflow_removal.run_of(logged)
        alive = mlflow_removal.tracking.alive_in_experiment
        assert alive(mlflow_removal.experiment_of(run_id), besides=[run_id]) == f"model '{model_id}' is in it"
        assert alive("0") == "MLflow needs its first experiment"

    def test_without_its_database_files_go_and_the_record_is_said_to_stay(
        self, mlflow_removal: Subject, name: str, mlflow_server: str, mlflow_folder: Path
    ) -> None:
        logged = mlflow_removal.log(name)
        run_id = mlflow_removal.run_of(logged)
        client_only = MlflowTracking(uri=mlflow_server)
        client_only.delete_run(run_id)

        assert not client_only.purge_run(run_id)

        assert client_only.experiment_of(run_id) is not None
        assert not [
            path for path in (mlflow_folder / "files").rglob("*") if logged.model_id in str(path) and path.is_file()
        ]


class TestSilence:
    @pytest.mark.parametrize(
        "call",
        [
            lambda tracking: tracking.experiment_of(NOBODY),
            lambda tracking: tracking.alive_in_experiment("7"),
            lambda tracking: tracking.delete_run(NOBODY),
            lambda tracking: tracking.restore_run(NOBODY),
            lambda tracking: tracking.delete_experiment("7"),
            lambda tracking: tracking.purge_model(f"models:/m-{NOBODY}"),
            lambda tracking: tracking.purge_run(NOBODY),
            lambda tracking: tracking.purge_experiment("7"),
        ],
    )
    @pytest.mark.parametrize("kind", ["mlflow", "fake"])
    def test_every_call_says_when_the_tracker_does_not_answer(
        self, kind: str, call: Callable[[Tracking], object]
    ) -> None:
        fake = FakeTracking()
        fake.is_available = False
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            silent = MlflowTracking(uri=f"http://127.0.0.1:{probe.getsockname()[1]}")
        with pytest.raises(Unavailable):
            call(silent if kind == "mlflow" else fake)
