"""MLflow's Python library, imported when it is first needed, and what its exceptions mean."""

import importlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelyard.adapters.tracking.artifact_addresses import ArtifactAddresses

_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""The library is configured by its process's environment only. What an operator has set stays."""
_NO_JSON = "response body was not in a valid JSON format"
"""The library's only sign of it: such an answer has no code of its own."""
_NOT_FOUND = 404
_SERVER_ERRORS = 500


class MlflowLibrary:
    """The client of one tracking server.

    Args:
        uri: the server's address, for runs and for registered models.
        addresses: where artifacts may be.
        credential: the platform's token at a server of ours; at others it is what the operator's environment says.
    """

    def __init__(self, uri: str, addresses: ArtifactAddresses, credential: str | None = None) -> None:
        self._credential = credential
        self._uri = uri
        self._addresses = addresses
        self._loading = threading.Lock()
        self._client: Any = None

    @property
    def client(self) -> Any:
        """`mlflow.MlflowClient`."""
        with self._loading:
            if self._client is None:
                for name, value in _SETTINGS.items():
                    os.environ.setdefault(name, value)
                if self._credential is not None:
                    os.environ["MLFLOW_TRACKING_TOKEN"] = self._credential
                self._client = importlib.import_module("mlflow").MlflowClient(self._uri, self._uri)
        return self._client

    @property
    def registry(self) -> Any:
        """The registry's own client, which `MlflowClient` wraps."""
        _ = self.client  # Its settings come first.
        module = importlib.import_module("mlflow.tracking._model_registry.client")
        return module.ModelRegistryClient(self._uri, self._uri)

    def download(self, uri: str, folder: Path) -> str:
        """Copy what is at an address of the artifact store below `folder`; gives the path of the copy.

        Addresses like `models:/…` do not do here: the library asks its global tracker for them, whichever that is.
        """
        self._addresses.check(uri)
        artifacts = importlib.import_module("mlflow.artifacts")
        return str(artifacts.download_artifacts(uri, dst_path=str(folder), tracking_uri=self._uri))

    def download_file(self, uri: str, path: str, folder: Path) -> str:
        """Copy one file of the artifact store below `folder`; gives the path of the copy."""
        self._addresses.check(uri)
        repositories = importlib.import_module("mlflow.store.artifact.artifact_repository_registry")
        repository = repositories.get_artifact_repository(uri, tracking_uri=self._uri)
        return str(repository.download_artifacts(path, dst_path=str(folder)))

    def delete_files(self, uri: str, path: str | None = None) -> None:
        """Delete what is at an address of the artifact store, or at a path below it; what is not there: no error.

        Addresses below `mlflow-artifacts:/` without a host are the server's own.
        """
        self._addresses.check(uri if path is None else f"{uri}/{path}")
        registry = importlib.import_module("mlflow.store.artifact.artifact_repository_registry")
        registry.get_artifact_repository(uri, tracking_uri=self._uri).delete_artifacts(path)

    def upload(self, model: Any, folder: Path) -> None:
        """Copy a folder's files to where a logged model has its own."""
        self._addresses.check(model.artifact_location)
        self.client.log_model_artifacts(model.model_id, str(folder))

    def upload_to(self, uri: str, folder: Path) -> None:
        """Copy a folder's files to an address of the artifact store."""
        self._addresses.check(uri)
        registry = importlib.import_module("mlflow.store.artifact.artifact_repository_registry")
        registry.get_artifact_repository(uri, tracking_uri=self._uri).log_artifacts(str(folder))

    @property
    def Error(self) -> type[Any]:  # noqa: N802  # It stands for a class.
        """`mlflow.MlflowException`."""
        error: type[Any] = importlib.import_module("mlflow.exceptions").MlflowException
        return error

    @property
    def errors(self) -> tuple[type[Any], ...]:
        """All that the library raises when a call fails."""
        return (self.Error, importlib.import_module("requests.exceptions").RequestException, *self._unreadable)

    def is_missing(self, exc: Exception) -> bool:
        """Whether the server said that there is no such thing."""
        return _status(exc) == _NOT_FOUND

    def is_nonsense(self, exc: Exception) -> bool:
        """Whether what answered is no MLflow: a page of a proxy, or JSON of another shape."""
        return any(isinstance(link, self._unreadable) or _NO_JSON in str(link) for link in _chain(exc))

    @property
    def _unreadable(self) -> tuple[type[Any], ...]:
        return (importlib.import_module("google.protobuf.json_format").ParseError,)

    def is_unreachable(self, exc: Exception) -> bool:
        """Whether the server did not answer, or not for a reason of the request's."""
        unreachable = importlib.import_module("requests.exceptions").RequestException
        rest = importlib.import_module("mlflow.exceptions").RestException
        for link in _chain(exc):
            if isinstance(link, unreachable) and getattr(link, "response", None) is None:
                return True
            if isinstance(link, (unreachable, rest)) and (_status(link) or 0) >= _SERVER_ERRORS:
                return True
        return False


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """The exception and those that it was raised for."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _status(exc: BaseException) -> int | None:
    response = getattr(exc, "response", None)
    if response is not None:
        return int(response.status_code)
    get_status = getattr(exc, "get_http_status_code", None)
    return int(get_status()) if get_status else None
