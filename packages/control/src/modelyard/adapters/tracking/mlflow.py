"""The tracker is an MLflow server. Its library is imported at the first call that needs it, since that takes seconds.

Retries are the job's: a server that does not answer is told at once. Files are copied as they are; no model is loaded.
Other addresses of a model than `models:/m-…` and `runs:/<run>/<name>` are refused.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from modelyard.adapters.tracking.mlflow_library import MlflowLibrary
from modelyard.errors import Conflict, Invalid, ModelyardError, NotFound, Unavailable
from modelyard.ports.tracking import LoggedModel, MirroredVersion, TrackedRun

_OWN_PREFIX = "mlflow."
_LEGACY_TAG = "mlflow.log-model.history"
_VERSION_TAG = "modelyard.version"
_KEY_TAG = "modelyard.key"
_MODEL_ADDRESS = "models:/m-"
_PAGE = 1000


class MlflowTracking:
    """The port `Tracking` on an MLflow tracking server.

    Args:
        uri: the server's address, http or https.
    """

    def __init__(self, *, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._library = MlflowLibrary(self._uri)

    @property
    def uri(self) -> str:
        """The server's address."""
        return self._uri

    def is_reachable(self) -> bool:
        """Ask for its health, without the library."""
        try:
            return httpx.get(f"{self._uri}/health", timeout=1).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def ensure_experiment(self, name: str) -> str:
        """Find or make the experiment; of two that make it at once, the slower finds it."""
        with self._call(f"experiment '{name}'") as client:
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
        with self._call(f"run with tag {key}") as client:
            experiments = {each.experiment_id: each.name for each in _pages(client.search_experiments)}
            found = _pages(
                client.search_runs,
                list(experiments),
                f"tags.`{key}` = '{value}'",
                order_by=["attributes.start_time ASC"],
            )
            return [_tracked(run, experiments[run.info.experiment_id]) for run in found]

    def run(self, run_id: str) -> TrackedRun:
        """Read the run and its experiment's name."""
        with self._call(f"run '{run_id}'") as client:
            run = client.get_run(run_id)
            return _tracked(run, client.get_experiment(run.info.experiment_id).name)

    def logged_models(self, run_id: str) -> Sequence[LoggedModel]:
        """Read the logged models of MLflow 3, and those that an older client put into the run."""
        with self._call(f"run '{run_id}'") as client:
            run = client.get_run(run_id)
            found = _ready_models(client, [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
            return [*_legacy_models(run), *found]

    def models_tagged(self, key: str, value: str) -> Sequence[LoggedModel]:
        """Search all experiments for models with the tag."""
        with self._call(f"model with tag {key}") as client:
            experiments = [each.experiment_id for each in _pages(client.search_experiments)]
            return _ready_models(client, experiments, f"tags.`{key}` = '{value}'")

    def logged_model(self, uri: str) -> LoggedModel:
        """Find the model by its id, or by its name in the run."""
        scheme, _, path = uri.partition(":/")
        first, _, name = path.partition("/")
        if scheme == "models" and first.startswith("m-") and not name:
            with self._call(f"model '{uri}'") as client:
                return _logged(client.get_logged_model(first))
        if scheme != "runs" or not first or not name:
            raise Invalid(
                f"model_uri: expected models:/m-… or runs:/<run>/<name>, got {uri!r}.",
                code="model_uri_invalid",
                field="model_uri",
            )
        named = [model for model in self.logged_models(first) if model.name == name]
        if not named:
            raise NotFound(f"The tracker has no model '{uri}'.", code="not_tracked")
        return named[-1]

    def download(self, uri: str, folder: Path) -> None:
        """Copy the model's files."""
        model = self.logged_model(uri)
        with (
            self._call(f"model '{uri}'"),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as beside,
        ):
            root = Path(self._library.download(model.artifact_uri, Path(beside)))
            for path in root.iterdir():
                shutil.move(path, folder / path.name)

    def download_file(self, uri: str, path: str, folder: Path) -> Path:
        """Copy one of the model's files."""
        model = self.logged_model(uri)
        with self._call(f"file '{path}' of model '{uri}'"):
            return Path(self._library.download_file(model.artifact_uri, path, folder))

    def store_model(
        self, folder: Path, *, key: str, name: str, experiment_name: str, parameters: Mapping[str, str]
    ) -> LoggedModel:
        """Find the model that carries the key or make it, and copy the files; it is ready when all are there."""
        experiment_id = self.ensure_experiment(experiment_name)
        with self._call(f"model '{name}'") as client:
            which = f"tags.`{_KEY_TAG}` = '{key}'"
            found = client.search_logged_models([experiment_id], which, max_results=1)
            model = found[0] if found else None
            if model is None:
                tags = {_KEY_TAG: key}
                model = client.create_logged_model(experiment_id, name, tags=tags, params=dict(parameters))
            if model.status != "READY":
                client.log_model_artifacts(model.model_id, str(folder))
                model = client.finalize_logged_model(model.model_id, "READY")
            return _logged(model)

    def mirror_version(self, version: MirroredVersion) -> None:
        """Make what is missing, then bring it up to date. Of two versions that two calls made at once, one goes."""
        model = self.logged_model(version.model_uri)
        with self._call(f"model '{version.model_name}'") as client:
            self._ensure_registered_model(client, version.model_name)
            mirrors = _mirrors(client, version)
            if not mirrors:
                _create_mirror(client, version, model)
                mirrors = _mirrors(client, version)
            for surplus in mirrors[1:]:
                self._delete_version(client, surplus)
            _bring_up_to_date(client, mirrors[0], version)

    def _ensure_registered_model(self, client: Any, name: str) -> None:
        try:
            client.get_registered_model(name)
        except self._library.Error as missing:
            if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            try:
                client.create_registered_model(name)
            except self._library.Error as exc:
                if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def _delete_version(self, client: Any, mirror: Any) -> None:
        try:
            client.delete_model_version(mirror.name, mirror.version)
        except self._library.Error as exc:
            if exc.error_code != "RESOURCE_DOES_NOT_EXIST":  # Else the other call deleted it.
                raise

    @contextmanager
    def _call(self, wanted: str) -> Iterator[Any]:
        """Give the client, and translate what the library raises."""
        try:
            yield self._library.client
        except self._library.errors as exc:
            raise self._translated(exc, wanted) from exc

    def _translated(self, exc: Exception, wanted: str) -> ModelyardError:
        if self._library.is_missing(exc):
            return NotFound(f"The tracker has no {wanted}.", code="not_tracked")
        if self._library.is_unreachable(exc) or not self.is_reachable():
            return Unavailable(f"The tracker at {self._uri} does not answer.", code="tracking_unavailable")
        return ModelyardError(f"The tracker refused a call about {wanted}.", code="tracking_failed")


def _pages(search: Callable[..., Any], *arguments: Any, **options: Any) -> Iterator[Any]:
    """All results of a search, page after page."""
    token = None
    while True:
        page = search(*arguments, max_results=_PAGE, page_token=token, **options)
        yield from page
        token = page.token
        if not token:
            return


def _tracked(run: Any, experiment_name: str) -> TrackedRun:
    return TrackedRun(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        experiment_name=experiment_name,
        status=run.info.status,
        parameters=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags={key: value for key, value in run.data.tags.items() if not key.startswith(_OWN_PREFIX)},
    )


def _ready_models(client: Any, experiments: Sequence[str], which: str) -> list[LoggedModel]:
    oldest_first = [{"field_name": "creation_timestamp", "ascending": True}]
    found = _pages(client.search_logged_models, list(experiments), which, order_by=oldest_first)
    return [_logged(model) for model in found if model.status == "READY"]


def _logged(model: Any) -> LoggedModel:
    return LoggedModel(
        model_id=model.model_id,
        name=model.name,
        run_id=model.source_run_id or None,
        uri=f"models:/{model.model_id}",
        artifact_uri=model.artifact_location,
        parameters=dict(model.params or {}),
        metrics={metric.key: metric.value for metric in model.metrics or ()},
    )


def _legacy_models(run: Any) -> list[LoggedModel]:
    """Models of a client before MLflow 3: files of the run, noted in one of its tags."""
    history: list[Mapping[str, Any]] = json.loads(run.data.tags.get(_LEGACY_TAG, "[]"))
    paths = dict.fromkeys(str(entry["artifact_path"]) for entry in history if not entry.get("model_id"))
    return [
        LoggedModel(
            model_id=f"{run.info.run_id}/{path}",
            name=path,
            run_id=run.info.run_id,
            uri=f"runs:/{run.info.run_id}/{path}",
            artifact_uri=f"{run.info.artifact_uri}/{path}",
        )
        for path in paths
    ]


def _mirrors(client: Any, version: MirroredVersion) -> list[Any]:
    """The model versions that mirror this one, oldest first."""
    found = _pages(
        client.search_model_versions, f"name = '{version.model_name}' and tags.`{_VERSION_TAG}` = '{version.version}'"
    )
    return sorted(found, key=lambda mirror: int(mirror.version))


def _create_mirror(client: Any, version: MirroredVersion, model: LoggedModel) -> None:
    is_legacy = not model.uri.startswith(_MODEL_ADDRESS)
    client.create_model_version(
        version.model_name,
        model.artifact_uri if is_legacy else model.uri,
        run_id=version.run_id,
        tags=_mirrored_tags(version),
        description=version.description,
        await_creation_for=0,
        model_id=None if is_legacy else model.model_id,
    )


def _mirrored_tags(version: MirroredVersion) -> dict[str, str]:
    return {**version.tags, _VERSION_TAG: str(version.version)}


def _bring_up_to_date(client: Any, mirror: Any, version: MirroredVersion) -> None:
    if (mirror.description or "") != version.description:
        client.update_model_version(mirror.name, mirror.version, description=version.description)
    for key, value in _mirrored_tags(version).items():
        if mirror.tags.get(key) != value:
            client.set_model_version_tag(mirror.name, mirror.version, key, value)
