"""What every adapter of `Tracking` keeps."""

import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from modelyard.adapters.tracking import FakeTracking, MlflowTracking
from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.ports.tracking import TrackedDataset, Tracking

FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": bytes(range(256)), "empty": b""}


class Script(Protocol):
    """What a script tells the tracker."""

    def log_run(
        self,
        experiment_name: str,
        *,
        parameters: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        datasets: Sequence[TrackedDataset] = (),
    ) -> str: ...

    def log_model(
        self, run_id: str | None, name: str, files: Mapping[str, bytes], *, tags: Mapping[str, str] | None = None
    ) -> Any: ...


@dataclass(frozen=True)
class Subject:
    """An adapter under test, a script that logs to its tracker, and what a test does to the world around it."""

    tracking: Tracking
    script: Script
    unanswered: Callable[[], Tracking]
    """The adapter, from now on without a tracker that answers."""


def _input(dataset: TrackedDataset) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415  # Takes seconds.

    tags = [] if dataset.context is None else [InputTag("mlflow.data.context", dataset.context)]
    return DatasetInput(Dataset(dataset.name, dataset.digest, dataset.source_type, dataset.source), tags)


class MlflowScript:
    """Logs with MLflow's own client."""

    def __init__(self, uri: str, folder: Path) -> None:
        import mlflow  # noqa: PLC0415  # Takes seconds.

        self.client = mlflow.MlflowClient(uri, uri)
        self._folder = folder

    def log_run(
        self,
        experiment_name: str,
        *,
        parameters: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        datasets: Sequence[TrackedDataset] = (),
    ) -> str:
        experiment = self.client.get_experiment_by_name(experiment_name)
        experiment_id = experiment.experiment_id if experiment else self.client.create_experiment(experiment_name)
        run_id = str(self.client.create_run(experiment_id, tags=dict(tags or {})).info.run_id)
        for name, value in (parameters or {}).items():
            self.client.log_param(run_id, name, value)
        for metric, number in (metrics or {}).items():
            self.client.log_metric(run_id, metric, number - 1)
            self.client.log_metric(run_id, metric, number)
        self.client.log_inputs(run_id, [_input(dataset) for dataset in datasets])
        self.client.set_terminated(run_id)
        return run_id

    def log_model(
        self, run_id: str | None, name: str, files: Mapping[str, bytes], *, tags: Mapping[str, str] | None = None
    ) -> None:
        experiment_id = "0" if run_id is None else self.client.get_run(run_id).info.experiment_id
        model = self.client.create_logged_model(experiment_id, name=name, source_run_id=run_id, tags=dict(tags or {}))
        self.client.log_model_artifacts(model.model_id, str(self.written(files)))
        self.client.finalize_logged_model(model.model_id, "READY")

    def written(self, files: Mapping[str, bytes]) -> Path:
        """A folder with these files."""
        folder = self._folder / uuid4().hex
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder


@pytest.fixture(params=["mlflow", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.getfixturevalue(f"{request.param}_subject")
    return made


@pytest.fixture
def mlflow_subject(mlflow_server: str, tmp_path: Path) -> Subject:
    script = MlflowScript(mlflow_server, tmp_path)

    def unanswered() -> Tracking:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return MlflowTracking(uri=f"http://127.0.0.1:{probe.getsockname()[1]}")

    return Subject(MlflowTracking(uri=mlflow_server), script, unanswered)


@pytest.fixture
def fake_subject() -> Subject:
    fake = FakeTracking()

    def unanswered() -> Tracking:
        fake.is_available = False
        return fake

    return Subject(fake, fake, unanswered)


@pytest.fixture
def name() -> str:
    """A name that no other test uses; the server is shared."""
    return f"name-{uuid4().hex[:12]}"


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestFiles:
    def test_one_file_of_a_model_is_copied_alone(self, subject: Subject, name: str, tmp_path: Path) -> None:
        run_id = subject.script.log_run(name)
        subject.script.log_model(run_id, "model", FILES)
        (model,) = subject.tracking.logged_models(run_id)
        (folder := tmp_path / "one").mkdir()
        copy = subject.tracking.download_file(model.uri, "data/weights.bin", folder)
        assert copy.read_bytes() == FILES["data/weights.bin"]
        assert [path for path in folder.rglob("*") if path.is_file()] == [copy]

    def test_a_stored_model_is_one_that_was_logged(self, subject: Subject, name: str, tmp_path: Path) -> None:
        folder, copy = tmp_path / "folder", tmp_path / "copy"
        for path, content in FILES.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        copy.mkdir()
        stored = subject.tracking.store_model(
            folder, key=name, name="model", experiment_name=name, parameters={"depth": "3"}
        )
        assert (stored.run_id, stored.parameters) == (None, {"depth": "3"})
        assert subject.tracking.logged_model(stored.uri) == stored
        subject.tracking.download(stored.uri, copy)
        found = {path.relative_to(copy).as_posix(): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
        assert found == FILES

    def test_one_key_stores_one_model(self, subject: Subject, name: str, tmp_path: Path) -> None:
        (tmp_path / "model.bin").write_bytes(b"x")

        def store(key: str) -> str:
            return subject.tracking.store_model(
                tmp_path, key=key, name="model", experiment_name=name, parameters={}
            ).uri

        assert store(f"{name}-1") == store(f"{name}-1") != store(f"{name}-2")


class TestReachability:
    def test_a_tracker_that_answers_is_reachable(self, subject: Subject) -> None:
        assert subject.tracking.is_reachable()

    def test_a_tracker_that_does_not_answer_is_not_reachable(self, subject: Subject) -> None:
        assert not subject.unanswered().is_reachable()

    @pytest.mark.parametrize(
        "call",
        [
            lambda tracking, _: tracking.ensure_experiment("experiment"),
            lambda tracking, _: tracking.runs_tagged("key", "value"),
            lambda tracking, _: tracking.run("0" * 32),
            lambda tracking, _: tracking.logged_models("0" * 32),
            lambda tracking, _: tracking.logged_model("models:/m-" + "0" * 32),
            lambda tracking, folder: tracking.download("models:/m-" + "0" * 32, folder),
        ],
        ids=["experiment", "tagged", "run", "models", "model", "download"],
    )
    def test_every_call_says_when_the_tracker_does_not_answer(
        self, subject: Subject, tmp_path: Path, call: Callable[[Tracking, Path], object]
    ) -> None:
        with pytest.raises(Unavailable) as caught:
            call(subject.unanswered(), tmp_path)

        assert caught.value.code == "tracking_unavailable"


class TestExperiments:
    def test_an_experiment_is_made_once(self, subject: Subject, name: str) -> None:
        first = subject.tracking.ensure_experiment(name)

        assert subject.tracking.ensure_experiment(name) == first

    def test_many_that_make_an_experiment_at_once_get_the_same(self, subject: Subject, name: str) -> None:
        with ThreadPoolExecutor(4) as threads:
            made = list(threads.map(subject.tracking.ensure_experiment, [name] * 4))

        assert len(set(made)) == 1

    def test_a_script_finds_the_experiment(self, subject: Subject, name: str) -> None:
        experiment_id = subject.tracking.ensure_experiment(name)

        assert subject.tracking.run(subject.script.log_run(name)).experiment_id == experiment_id


class TestRuns:
    def test_a_run_is_reported_as_it_was_logged(self, subject: Subject, name: str) -> None:
        tags = {"team": "red", "modelyard.job_id": "job-1"}
        run_id = subject.script.log_run(name, parameters={"c": "0.5"}, metrics={"accuracy": 0.9}, tags=tags)

        run = subject.tracking.run(run_id)

        assert run.run_id == run_id
        assert run.experiment_name == name
        assert run.status == "FINISHED"
        assert run.parameters == {"c": "0.5"}
        assert run.metrics == {"accuracy": 0.9}
        assert run.tags == tags

    def test_the_data_of_a_run_is_reported_with_what_it_was_for(self, subject: Subject, name: str) -> None:
        source = '{"uri": "s3://churn/test.csv"}'
        data = [TrackedDataset("churn", "a1b2", "local", source, "test"), TrackedDataset("x", "c3", "s3", "{}", None)]
        run_id = subject.script.log_run(name, datasets=data)
        reported = subject.tracking.run(run_id).datasets
        assert sorted(reported, key=lambda dataset: dataset.name) == data
        assert list(subject.tracking.run(subject.script.log_run(name)).datasets) == []

    def test_a_run_that_is_not_there_is_not_found(self, subject: Subject) -> None:
        with pytest.raises(NotFound):
            subject.tracking.run("0" * 32)
        with pytest.raises(NotFound):
            subject.tracking.logged_models("0" * 32)

    def test_runs_are_found_by_their_tag_in_any_experiment_oldest_first(self, subject: Subject, name: str) -> None:
        tag = {"modelyard.run_key": name}
        runs = [subject.script.log_run(f"{name}-{number}", tags=tag) for number in range(3)]
        subject.script.log_run(name, tags={"modelyard.run_key": "another"})

        assert [run.run_id for run in subject.tracking.runs_tagged("modelyard.run_key", name)] == runs

    def test_no_run_with_the_tag_is_no_error(self, subject: Subject, name: str) -> None:
        assert list(subject.tracking.runs_tagged("modelyard.run_key", name)) == []


class TestModels:
    def test_the_models_of_a_run_are_reported_oldest_first(self, subject: Subject, name: str) -> None:
        run_id = subject.script.log_run(name)
        other = subject.script.log_run(name)
        for model_name, logging_run in [("first", run_id), ("other", other), ("second", run_id)]:
            subject.script.log_model(logging_run, model_name, FILES)

        models = subject.tracking.logged_models(run_id)

        assert [model.name for model in models] == ["first", "second"]
        assert {model.run_id for model in models} == {run_id}

    def test_models_are_found_by_their_tag_in_a_run_or_outside_of_one_oldest_first(
        self, subject: Subject, name: str
    ) -> None:
        tag = {"modelyard.run_key": name}
        runs = [subject.script.log_run(f"{name}-{number}") for number in range(2)]
        for model_name, run_id in [("first", runs[0]), ("outside", None), ("last", runs[1])]:
            subject.script.log_model(run_id, model_name, FILES, tags=tag)
        subject.script.log_model(runs[0], "another", FILES, tags={"modelyard.run_key": "another"})

        models = subject.tracking.models_tagged("modelyard.run_key", name)

        assert [(model.name, model.run_id) for model in models] == [
            *(("first", runs[0]), ("outside", None), ("last", runs[1])),
        ]

    def test_a_run_without_models_has_none(self, subject: Subject, name: str) -> None:
        assert list(subject.tracking.logged_models(subject.script.log_run(name))) == []

    def test_a_model_is_found_by_its_address_and_by_its_name_in_the_run(self, subject: Subject, name: str) -> None:
        run_id = subject.script.log_run(name)
        subject.script.log_model(run_id, "model", FILES)
        (model,) = subject.tracking.logged_models(run_id)

        assert subject.tracking.logged_model(model.uri) == model
        assert subject.tracking.logged_model(f"runs:/{run_id}/model") == model

    def test_of_two_models_of_one_name_the_newer_is_meant(self, subject: Subject, name: str) -> None:
        run_id = subject.script.log_run(name)
        subject.script.log_model(run_id, "model", FILES)
        subject.script.log_model(run_id, "model", FILES)

        assert subject.tracking.logged_model(f"runs:/{run_id}/model") == subject.tracking.logged_models(run_id)[-1]

    def test_a_model_that_is_not_there_is_not_found(self, subject: Subject, name: str, tmp_path: Path) -> None:
        run_id = subject.script.log_run(name)

        for uri in ("models:/m-" + "0" * 32, f"runs:/{run_id}/model", "runs:/" + "0" * 32 + "/model"):
            with pytest.raises(NotFound):
                subject.tracking.logged_model(uri)
            with pytest.raises(NotFound):
                subject.tracking.download(uri, tmp_path)

    @pytest.mark.parametrize("uri", ["file:///etc", "models:/name/1", "/etc/passwd", "runs:/x", "http://a.example", ""])
    def test_any_other_address_is_refused(self, subject: Subject, uri: str, tmp_path: Path) -> None:
        with pytest.raises(Invalid) as caught:
            subject.tracking.download(uri, tmp_path)

        assert caught.value.code == "model_uri_invalid"
        assert list(tmp_path.iterdir()) == []

    def test_a_download_is_the_models_own_files_and_nothing_else(
        self, subject: Subject, name: str, tmp_path: Path
    ) -> None:
        run_id = subject.script.log_run(name)
        subject.script.log_model(run_id, "model", FILES)
        (model,) = subject.tracking.logged_models(run_id)
        folder = tmp_path / "download"
        folder.mkdir()

        subject.tracking.download(model.uri, folder)

        assert files_below(folder) == FILES
