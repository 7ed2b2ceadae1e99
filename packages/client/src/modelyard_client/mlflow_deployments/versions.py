"""From a model's URI to a version of Modelyard's registry, registered now if it is none yet.

Addresses mean what they mean to MLflow: those of the tracker and the registry that it is set to. Where it is set to
none, or to Modelyard's own, they are Modelyard's, and nothing is copied. From another tracker, and from folders and
stores, MLflow downloads the model, and it is uploaded.
"""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import mlflow
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion

from modelyard_client.client import Client
from modelyard_client.errors import Invalid, NotFound
from modelyard_client.mlflow_deployments.model_uris import LATEST, Files, Logged, Registered, parse
from modelyard_client.models import Version
from modelyard_client.settings import is_loopback

_NUMBER_TAG = "modelyard.version"
"""By which Modelyard's mirror in MLflow says which of its versions one is."""


def version_of(client: Client, uri: str, *, model_name: str) -> Version:
    """The version that a URI means.

    Args:
        model_name: of which model it becomes the next version where it has to be registered.

    Raises:
        Invalid: the URI means nothing, or a version of another model.
        NotFound: there is no such version.
    """
    meant = parse(uri)
    if isinstance(meant, Files) or not _is_own_tracker(client):
        return _uploaded(client, uri, model_name)
    if isinstance(meant, Logged):
        return client.models.register(model_name, model_uri=meant.uri)
    if meant.name != model_name:
        raise Invalid(
            f"model_uri: expected a version of {model_name!r}, as the deployment is named, got one of {meant.name!r}",
            code="model_uri_invalid",
            field="model_uri",
        )
    return _mirrored(client, meant) if _is_tracker_set() else _registered(client, meant)


def _registered(client: Client, meant: Registered) -> Version:
    """A version by the registry's own numbers."""
    if meant.version is not None:
        return client.versions.get(meant.name, meant.version)
    model = client.models.get(meant.name)
    aliases = {
        LATEST: model.latest_version,
        "production": model.production_version,
        "staging": model.staging_version,
    }
    if meant.alias not in aliases:
        expected = ", ".join(aliases)
        raise Invalid(
            f"model_uri: expected one of the aliases {expected}, got {meant.alias!r}",
            code="model_uri_invalid",
            field="model_uri",
        )
    number = aliases[meant.alias]
    if number is None:
        raise NotFound(f"model_uri: {meant.name!r} has no version {meant.alias!r}", code="version_not_found")
    return client.versions.get(meant.name, number)


def _mirrored(client: Client, meant: Registered) -> Version:
    """A version by the numbers and aliases of MLflow's registry, in which Modelyard's versions are marked."""
    registry = mlflow.MlflowClient()
    if meant.version is not None:
        found = registry.get_model_version(meant.name, str(meant.version))
    elif meant.alias == LATEST:
        found = _newest(registry, meant.name)
    else:
        found = registry.get_model_version_by_alias(meant.name, str(meant.alias))
    number = found.tags.get(_NUMBER_TAG)
    if number is None:  # Somebody registered it in MLflow, and it was not imported yet.
        return client.models.register(meant.name, model_uri=found.source)
    return client.versions.get(meant.name, int(number))


def _newest(registry: mlflow.MlflowClient, name: str) -> ModelVersion:
    found = registry.get_registered_model(name).latest_versions
    if not found:
        raise NotFound(f"model_uri: {name!r} has no version", code="version_not_found")
    newest: ModelVersion = max(found, key=lambda version: int(version.version))
    return newest


def _uploaded(client: Client, uri: str, model_name: str) -> Version:
    """Files that MLflow fetches, as the next version."""
    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        place = Path(download_artifacts(artifact_uri=uri, dst_path=folder))
        job_id = client.uploads.register(model_name, place)
    job = client.jobs.wait(job_id).require_success()
    return client.versions.get(model_name, job.model_version or 0)


def _is_own_tracker(client: Client) -> bool:
    """Whether MLflow is set to the tracker of Modelyard, or to none."""
    if not _is_tracker_set():
        return True
    own = client.status.get().components.get("mlflow", {}).get("url")
    return own is not None and _server(str(own)) == _server(mlflow.get_tracking_uri())


def _is_tracker_set() -> bool:
    return bool(mlflow.is_tracking_uri_set())  # type: ignore[no-untyped-call]  # MLflow's own.


def _server(url: str) -> tuple[str | None, int | None, str]:
    """What two spellings of one server's address have in common."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url, None, ""
    host = "localhost" if is_loopback(url) else parts.hostname
    return host, port, parts.path.rstrip("/")
