"""The tracker is an MLflow server. MLflow is imported at the first call, since that takes seconds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from modelyard.errors import NotFound, Unavailable
from modelyard.ports.tracking import LoggedModel, MirroredVersion, TrackedRun

_OWN_PREFIX = "mlflow."
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_VERSION_TAG = "modelyard.version"


class MlflowTracking:
    """The port `Tracking` on an MLflow tracking server."""

    def __init__(self, *, uri: str) -> None:
        self._uri = uri

    @property
    def uri(self) -> str:
        """See the port."""
        return self._uri

    def is_reachable(self) -> bool:
        """See the port."""
        try:
            return httpx.get(f"{self._uri}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def ensure_experiment(self, name: str) -> str:
        """See the port."""
        with self._translated(name):
            experiment = self._client.get_experiment_by_name(name)
            return str(experiment.experiment_id if experiment else self._client.create_experiment(name))

    def runs_tagged(self, key: str, value: str) -> Sequence[TrackedRun]:
        """See the port."""
        with self._translated(key):
            experiments = [experiment.experiment_id for experiment in self._client.search_experiments()]
            runs = self._client.search_runs(experiments, f"tags.`{key}` = '{value}'")
            return [self._tracked(run) for run in reversed(runs)]

    def run(self, run_id: str) -> TrackedRun:
        """See the port."""
        with self._translated(f"run '{run_id}'"):
            return self._tracked(self._client.get_run(run_id))

    def logged_models(self, run_id: str) -> Sequence[LoggedModel]:
        """See the port."""
        with self._translated(f"run '{run_id}'"):
            experiment_id = self._client.get_run(run_id).info.experiment_id
            found = self._client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'")
            return [_logged(model) for model in reversed(found)]

    def logged_model(self, uri: str) -> LoggedModel:
        """See the port."""
        with self._translated(f"model '{uri}'"):
            return _logged(self._client.get_logged_model(uri.rpartition("/")[2]))

    def download(self, uri: str, folder: Path) -> None:
        """See the port."""
        import mlflow.artifacts  # noqa: PLC0415 - takes seconds, and only jobs need it

        with self._translated(f"model '{uri}'"):
            mlflow.artifacts.download_artifacts(uri, dst_path=str(folder), tracking_uri=self._uri)

    def mirror_version(self, version: MirroredVersion) -> None:
        """See the port."""
        name = version.model_name
        with self._translated(f"model '{name}'"):
            if not self._client.search_registered_models(f"name = '{name}'"):
                self._client.create_registered_model(name)
            mirrored = self._client.search_model_versions(f"name = '{name}'")
            if all(item.tags.get(_VERSION_TAG) != str(version.version) for item in mirrored):
                tags = {**version.tags, _VERSION_TAG: str(version.version)}
                self._client.create_model_version(
                    name, version.model_uri, run_id=version.run_id, tags=tags, description=version.description
                )

    @cached_property
    def _client(self) -> Any:
        from mlflow import MlflowClient  # noqa: PLC0415 - takes seconds, and only jobs need it

        return MlflowClient(self._uri)

    def _tracked(self, run: Any) -> TrackedRun:
        experiment = self._client.get_experiment(run.info.experiment_id)
        return TrackedRun(
            run_id=run.info.run_id,
            experiment_id=run.info.experiment_id,
            experiment_name=experiment.name,
            status=run.info.status,
            parameters=run.data.params,
            metrics=run.data.metrics,
            tags={key: value for key, value in run.data.tags.items() if not key.startswith(_OWN_PREFIX)},
        )

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see above

        try:
            yield
        except MlflowException as exc:
            if exc.error_code == _ABSENT:
                raise NotFound(f"the tracker has no {what}", code="not_tracked") from exc
            raise Unavailable(f"the tracker at {self._uri} does not answer", code="tracking_unavailable") from exc


def _logged(model: Any) -> LoggedModel:
    return LoggedModel(
        model_id=model.model_id,
        name=model.name,
        run_id=model.source_run_id,
        uri=model.model_uri,
        artifact_uri=model.artifact_location,
    )
