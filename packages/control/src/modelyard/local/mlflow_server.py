"""MLflow's tracking server with its UI, in one process: `python -m modelyard.local.mlflow_server`.

`mlflow server` imports MLflow in the command and again in a child that it starts; this does the same with one import,
so it is ready in half the time. On loopback unless runs elsewhere need it, and behind our access: MLflow asks nobody
who they are. Artifacts go through the server, so neither scripts nor model servers need credentials of their store.
"""

import os
import sqlite3
import sys
import uuid
import warnings
from contextlib import closing
from typing import Any

import uvicorn

from modelyard.adapters.tracking.mlflow_store import MlflowStoreFacts
from modelyard.local.tracking_door import guarded
from modelyard.settings import Settings
from modelyard.tracker_names import JOB_TAG


def serve(settings: Settings) -> None:
    """Make the database if there is none, then serve until SIGTERM.

    The database is `MODELYARD_MLFLOW_BACKEND_URI`, or a file of the home.
    """
    places = settings.storage.places
    places.make()
    artifacts = settings.tracking_server.artifact_root or str(places.mlflow / "artifacts")
    backend = settings.tracking_server.backend(places)
    if backend is None or not settings.tracking_server.is_own:
        sys.exit("MLFLOW_TRACKING_URI names another tracking server: ours is not started.")
    if settings.tracking_server.backend_uri is None:
        with closing(sqlite3.connect(places.mlflow / "mlflow.db")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # Kept by the file: readers then do not wait for a writer.
    app, facts = _application(backend=backend, artifacts=artifacts)
    uvicorn.run(
        guarded(app, settings=settings, facts=facts, listens_on=settings.tracking_server.host),
        host=settings.tracking_server.host,
        port=settings.tracking_server.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
    )


def _application(*, backend: str, artifacts: str) -> tuple[Any, MlflowStoreFacts]:
    """MLflow's ASGI application, and what its store knows. While it is imported it reads what the environment sets."""
    os.environ |= {
        "_MLFLOW_SERVER_FILE_STORE": backend,
        "_MLFLOW_SERVER_REGISTRY_STORE": backend,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts,
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_BOOT_ID": uuid.uuid4().hex,
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_ENABLE_WORKSPACES": "false",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Hosts and pages are checked in front of it, by our settings; MLflow's own check knows private addresses alone.
        "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "http*://*",
    }
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own use of what others deprecate.
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  # Reads the environment that is set above.
        from mlflow.server.fastapi_app import app  # noqa: PLC0415
        from mlflow.server.handlers import _get_tracking_store, initialize_backend_stores  # noqa: PLC0415
    initialize_backend_stores(backend, backend, "mlflow-artifacts:/")
    return app, MlflowStoreFacts(_get_tracking_store, missing=MlflowException, job_tag=JOB_TAG)


if __name__ == "__main__":
    serve(Settings())
