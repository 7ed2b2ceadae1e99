"""The tracker is an MLflow server. Its library is imported at the first call that needs it, since that takes seconds.

Retries are the job's: a server that does not respond is an error. Files are copied as they are; no model is loaded.
"""

import json
import math
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.adapters.tracking.mlflow_removal import MlflowRemoval
from modelyard.adapters.tracking.mlflow_server import MlflowServer, pages
from modelyard.errors import Conflict, Invalid
from modelyard.ports.tracking import LoggedModel, TrackedDataset, TrackedRun, no_model, no_run

_OWN_PREFIX = "mlflow."
_LEGACY_TAG = "mlflow.log-model.history"
_CONTEXT_TAG = "mlflow.data.context"
_KEY_TAG = "modelyard.key"
_RUN_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)


class MlflowTracking(MlflowRemoval):
    """The port `Tracking` on an MLflow tracking server.

    Args:
        uri: the server's address, http or https.
        backend_uri: the address of the server's own database, if we may remove records for good.
        artifact_root: where the server keeps artifacts, if it does not hand them out itself.
        credential: our token there, if the server is ours.
        experiments_below: what the names of the experiments begin with that are searched; all if not given.
    """

    def __init__(
        self,
        *,
        uri: str,
        backend_uri: str | None = None,
        artifact_root: str | None = None,
        credential: str | None = None,
        experiments_below: str | None = None,
    ) -> None:
        server = MlflowServer(uri=uri, artifact_root=artifact_root, credential=credential)
        super().__init__(server, backend_uri=backend_uri)
        self._library = self._server.library
        self._experiments_below = experiments_below

    @property
    def uri(self) -> str:
        """The server's address."""
        return self._server.uri

    def is_reachable(self) -> bool:
        """Ask for its health, without the library."""
        return self._server.is_reachable()

    def ensure_experiment(self, name: str) -> str:
        """Find or make the experiment; of two that make it at once, the slower finds it."""
        with self._server.call(f"experiment '{name}'") as client:
            try:
                experiment = client.get_experiment_by_name(name) or client.get_experiment(
                    client.create_experiment(name)
                )
            except self._library.Error as exc:
                if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                experiment = client.get_experiment_by_name(name)
        if experiment.lifecycle_stage != "active":
            raise Conflict(
                f"Experiment '{name}' was deleted in MLflow: restore it there, or name another.",
                code="experiment_deleted",
                field="experiment_name",
            )
        return str(experiment.experiment_id)

    def runs_tagged(self, key: str, value: str) -> Sequence[TrackedRun]:
        """Search all experiments for runs with the tag."""
        with self._server.call(f"run with tag {key}") as client:
            experiments = self._experiments(client)
            if not experiments:
                return []
            found = pages(
                client.search_runs,
                list(experiments),
                f"tags.`{key}` = '{value}'",
                order_by=["attributes.start_time ASC"],
            )
            return [_tracked(run, experiments[run.info.experiment_id]) for run in found]

    def run(self, run_id: str) -> TrackedRun:
        """Read the run and its experiment's name. An id that none can have is not asked for: MLflow calls it broken."""
        if not _RUN_ID.fullmatch(run_id):
            raise no_run(run_id)
        with self._server.call(f"run '{run_id}'") as client:
            run = client.get_run(run_id)
            if run.info.run_id != run_id:  # The library takes no answer for an empty one.
                raise self._server.nonsense()
            return _tracked(run, client.get_experiment(run.info.experiment_id).name)

    def logged_models(self, run_id: str) -> Sequence[LoggedModel]:
        """Read the logged models of MLflow 3, and those that an older client put into the run."""
        with self._server.call(f"run '{run_id}'") as client:
            run = client.get_run(run_id)
            experiment = client.get_experiment(run.info.experiment_id)
            found = _ready_models(
                client, {experiment.experiment_id: experiment.name}, f"source_run_id = '{run.info.run_id}'"
            )
            return [*_legacy_models(run, experiment.name), *found]

    def models_tagged(self, key: str, value: str) -> Sequence[LoggedModel]:
        """Search all experiments for models with the tag."""
        with self._server.call(f"model with tag {key}") as client:
            experiments = self._experiments(client)
            return _ready_models(client, experiments, f"tags.`{key}` = '{value}'") if experiments else []

    def logged_model(self, uri: str) -> LoggedModel:
        """Find the model by its id, or by its name in the run."""
        scheme, _, path = uri.partition(":/")
        first, _, name = path.partition("/")
        if scheme == "models" and first.startswith("m-") and not name:
            with self._server.call(f"model '{uri}'") as client:
                model = client.get_logged_model(first)
                if model.model_id != first:
                    raise self._server.nonsense()
                return _logged(model, client.get_experiment(model.experiment_id).name)
        if scheme != "runs" or not first or not name:
            raise Invalid(
                f"model_uri: expected models:/m-… or runs:/<run>/<name>, got {uri!r}.",
                code="model_uri_invalid",
                field="model_uri",
            )
        named = [model for model in self.logged_models(first) if model.name == name]
        if not named:
            raise no_model(uri)
        return named[-1]

    def download(self, uri: str, folder: Path) -> None:
        """Copy the model's files."""
        model = self.logged_model(uri)
        with (
            self._server.call(f"model '{uri}'"),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as beside,
        ):
            root = Path(self._library.download(model.artifact_uri, Path(beside)))
            for path in root.iterdir():
                shutil.move(path, folder / path.name)

    def download_file(self, uri: str, path: str, folder: Path) -> Path:
        """Copy one of the model's files."""
        model = self.logged_model(uri)
        with self._server.call(f"file '{path}' of model '{uri}'"):
            return Path(self._library.download_file(model.artifact_uri, path, folder))

    def run_file(self, run_id: str, names: Sequence[str], folder: Path, *, most_bytes: int) -> Path | None:
        """Look at what stands at the top of the run's artifacts, and copy one file."""
        with self._server.call(f"files of run '{run_id}'") as client:
            sizes = {each.path: each.file_size for each in client.list_artifacts(run_id) if not each.is_dir}
            name = next((name for name in names if name in sizes), None)
            if name is None:
                return None
            if (sizes[name] or 0) > most_bytes:
                raise Invalid(
                    f"file '{name}' of run '{run_id}': expected at most {most_bytes} bytes, got {sizes[name]}",
                    code="artifact_too_large",
                )
            return Path(self._library.download_file(client.get_run(run_id).info.artifact_uri, name, folder))

    def add_files(self, uri: str, folder: Path) -> None:
        """Copy them to where the model has its own."""
        model = self.logged_model(uri)
        with self._server.call(f"model '{uri}'"):
            self._library.upload_to(model.artifact_uri, folder)

    def add_run_files(self, run_id: str, folder: Path) -> None:
        """Copy them to where the run has its own."""
        with self._server.call(f"run '{run_id}'") as client:
            self._library.upload_to(client.get_run(run_id).info.artifact_uri, folder)

    def _experiments(self, client: Any) -> dict[str, str]:
        """The names of the experiments that are searched, by id."""
        below = self._experiments_below
        which = None if below is None else f"name LIKE '{below}%'"
        return {each.experiment_id: each.name for each in pages(client.search_experiments, filter_string=which)}

    def store_model(
        self, folder: Path, *, key: str, name: str, experiment_name: str, parameters: Mapping[str, str]
    ) -> LoggedModel:
        """Find the model that carries the key or make it, and copy the files; it is ready when all are there."""
        experiment_id = self.ensure_experiment(experiment_name)
        with self._server.call(f"model '{name}'") as client:
            which = f"tags.`{_KEY_TAG}` = '{key}'"
            found = client.search_logged_models([experiment_id], which, max_results=1)
            model = found[0] if found else None
            if model is None:
                tags = {_KEY_TAG: key}
                model = client.create_logged_model(experiment_id, name, tags=tags, params=dict(parameters))
            if model.status != "READY":
                self._library.upload(model, folder)
                model = client.finalize_logged_model(model.model_id, "READY")
            return _logged(model, experiment_name)


def _tracked(run: Any, experiment_name: str) -> TrackedRun:
    return TrackedRun(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        experiment_name=experiment_name,
        status=run.info.status,
        parameters=dict(run.data.params),
        metrics={name: _figure(value) for name, value in run.data.metrics.items()},
        tags=_own_tags(run.data.tags),
        datasets=[_dataset(each) for each in run.inputs.dataset_inputs] if run.inputs else [],
    )


def _figure(value: float) -> float:
    """MLflow's databases hold no infinity: it writes the largest number, which no requirement may take for one."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def _own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if not key.startswith(_OWN_PREFIX)}


def _dataset(used: Any) -> TrackedDataset:
    return TrackedDataset(
        name=used.dataset.name,
        digest=used.dataset.digest,
        source_type=used.dataset.source_type,
        source=used.dataset.source,
        context=next((tag.value for tag in used.tags if tag.key == _CONTEXT_TAG), None),
    )


def _ready_models(client: Any, experiments: Mapping[str, str], which: str) -> list[LoggedModel]:
    oldest_first = [{"field_name": "creation_timestamp", "ascending": True}]
    found = pages(client.search_logged_models, list(experiments), which, order_by=oldest_first)
    return [_logged(model, experiments[model.experiment_id]) for model in found if model.status == "READY"]


def _logged(model: Any, experiment_name: str) -> LoggedModel:
    return LoggedModel(
        model_id=model.model_id,
        name=model.name,
        run_id=model.source_run_id or None,
        uri=f"models:/{model.model_id}",
        artifact_uri=model.artifact_location,
        parameters=dict(model.params or {}),
        metrics={metric.key: _figure(metric.value) for metric in model.metrics or ()},
        tags=_own_tags(model.tags or {}),
        experiment_name=experiment_name,
    )


def _legacy_models(run: Any, experiment_name: str) -> list[LoggedModel]:
    """Models of a client before MLflow 3: files of the run, noted in one of its tags."""
    try:
        history: list[Mapping[str, Any]] = json.loads(run.data.tags.get(_LEGACY_TAG, "[]"))
        paths = dict.fromkeys(str(entry["artifact_path"]) for entry in history if not entry.get("model_id"))
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise Invalid(
            f"the tag {_LEGACY_TAG} of run '{run.info.run_id}' is not as MLflow writes it", code="artifact_invalid"
        ) from exc
    return [
        LoggedModel(
            model_id=f"{run.info.run_id}/{path}",
            name=path,
            run_id=run.info.run_id,
            uri=f"runs:/{run.info.run_id}/{path}",
            artifact_uri=f"{run.info.artifact_uri}/{path}",
            experiment_name=experiment_name,
        )
        for path in paths
    ]
