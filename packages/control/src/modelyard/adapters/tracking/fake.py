"""A tracker in memory, to which a test says what a script would have logged."""

import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from modelyard.adapters.tracking.fake_removal import FakeRemoval, Logged
from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.ports.tracking import LoggedModel, TrackedDataset, TrackedRun, no_model, no_run

_KEY_TAG = "modelyard.key"
_ADDRESS = re.compile(r"models:/m-[^/]+|runs:/[^/]+/.+")


class FakeTracking(FakeRemoval):
    """Keeps the contract of `Tracking` without a server."""

    def __init__(self, *, uri: str = "http://tracking.invalid") -> None:
        super().__init__()
        self._uri = uri
        self._numbers = count(1)
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, TrackedRun] = {}
        self._run_files: dict[str, dict[str, bytes]] = {}
        self._models: list[Logged] = []
        self.run_files: dict[str, dict[str, bytes]] = {}
        """What was added to runs, by run and path."""
        self.is_available = True

    def log_run(
        self,
        experiment_name: str,
        *,
        parameters: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        datasets: Sequence[TrackedDataset] = (),
    ) -> str:
        """Be the script that logs a run; gives its id."""
        run_id = f"{next(self._numbers):032x}"
        self._runs[run_id] = TrackedRun(
            run_id=run_id,
            experiment_id=self.ensure_experiment(experiment_name),
            experiment_name=experiment_name,
            status="FINISHED",
            parameters=dict(parameters or {}),
            metrics=dict(metrics or {}),
            tags=dict(tags or {}),
            datasets=tuple(datasets),
        )
        return run_id

    def log_file(self, run_id: str, name: str, content: bytes) -> None:
        """Be the script that logs a file in its run."""
        self._run_files.setdefault(run_id, {})[name] = content

    def log_model(
        self,
        run_id: str | None,
        name: str,
        files: Mapping[str, bytes],
        *,
        tags: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        experiment_name: str = "Default",
    ) -> LoggedModel:
        """Be the script that logs a model, in a run or in an experiment outside of one.

        Raises:
            NotFound: the run was purged.
        """
        if run_id is not None and run_id not in self._runs:
            raise no_run(run_id)
        model_id = f"m-{next(self._numbers):032x}"
        model = LoggedModel(
            model_id=model_id,
            name=name,
            run_id=run_id,
            uri=f"models:/{model_id}",
            artifact_uri=f"mlflow-artifacts:/models/{model_id}/artifacts",
            parameters=dict(parameters or {}),
            tags=dict(tags or {}),
            experiment_name=experiment_name if run_id is None else self._runs[run_id].experiment_name,
        )
        self._models.append(Logged(model, dict(files), dict(tags or {})))
        return model

    def change_file(self, uri: str, path: str, content: bytes) -> None:
        """Change a file of a model that was logged, as somebody with access to the store could."""
        self._find(uri).files[path] = content

    def forget(self, uri: str) -> None:
        """Be somebody who deletes a logged model."""
        self._models.remove(self._find(uri))

    @property
    def uri(self) -> str:
        """An address at which nobody answers."""
        return self._uri

    def is_reachable(self) -> bool:
        """Whether it was not switched off."""
        return self.is_available

    def ensure_experiment(self, name: str) -> str:
        """The id of the experiment."""
        self.answer()
        return self._experiments.setdefault(name, str(len(self._experiments) + 1))

    def runs_tagged(self, key: str, value: str) -> Sequence[TrackedRun]:
        """The runs with this tag."""
        self.answer()
        return [run for run in self._runs.values() if run.tags.get(key) == value]

    def run(self, run_id: str) -> TrackedRun:
        """The run."""
        self.answer()
        if run_id not in self._runs:
            raise no_run(run_id)
        return self._runs[run_id]

    def logged_models(self, run_id: str) -> Sequence[LoggedModel]:
        """The run's models."""
        run = self.run(run_id)
        return [logged.model for logged in self._models if logged.model.run_id == run.run_id]

    def models_tagged(self, key: str, value: str) -> Sequence[LoggedModel]:
        """The models with this tag."""
        self.answer()
        return [logged.model for logged in self._models if logged.tags.get(key) == value]

    def logged_model(self, uri: str) -> LoggedModel:
        """The model at this address."""
        self.answer()
        return self._find(uri).model

    def download(self, uri: str, folder: Path) -> None:
        """Write the model's files."""
        self.answer()
        for path, content in self._find(uri).files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def download_file(self, uri: str, path: str, folder: Path) -> Path:
        """Write one of the model's files."""
        self.answer()
        files = self._find(uri).files
        if path not in files:
            raise NotFound(f"The tracker has no file '{path}' of model '{uri}'.", code="not_tracked")
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(files[path])
        return file

    def run_file(self, run_id: str, names: Sequence[str], folder: Path, *, most_bytes: int) -> Path | None:
        """Write one of the run's files."""
        self.answer()
        files = self._run_files.get(run_id, {})
        name = next((name for name in names if name in files), None)
        if name is None:
            return None
        if len(files[name]) > most_bytes:
            raise Invalid(f"file '{name}' of run '{run_id}' is too large", code="artifact_too_large")
        (folder / name).write_bytes(files[name])
        return folder / name

    def add_files(self, uri: str, folder: Path) -> None:
        """Keep the files."""
        self.answer()
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self._find(uri).files.update(files)

    def add_run_files(self, run_id: str, folder: Path) -> None:
        """Keep the files."""
        self.run(run_id)
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self.run_files.setdefault(run_id, {}).update(files)

    def store_model(
        self, folder: Path, *, key: str, name: str, experiment_name: str, parameters: Mapping[str, str]
    ) -> LoggedModel:
        """Keep the files as a model, once for each key."""
        self.ensure_experiment(experiment_name)
        for logged in self._models:
            if logged.tags.get(_KEY_TAG) == key:
                return logged.model
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        tags = {_KEY_TAG: key}
        return self.log_model(None, name, files, tags=tags, parameters=parameters, experiment_name=experiment_name)

    def _find(self, uri: str) -> Logged:
        if not _ADDRESS.fullmatch(uri):
            raise Invalid(
                f"model_uri: expected models:/m-… or runs:/<run>/<name>, got {uri!r}.",
                code="model_uri_invalid",
                field="model_uri",
            )
        for logged in reversed(self._models):
            if uri in (logged.model.uri, f"runs:/{logged.model.run_id}/{logged.model.name}"):
                return logged
        raise no_model(uri)

    def answer(self) -> None:
        """Refuse when it was switched off."""
        if not self.is_available:
            raise Unavailable("The tracker does not answer.", code="tracking_unavailable")
