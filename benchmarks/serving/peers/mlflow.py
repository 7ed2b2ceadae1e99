"""MLflow's own server."""

from benchmarks.serving.dialects import Invocations
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import Peer, Place, Start

ENVIRONMENT = Environment("mlflow")


def _start(place: Place) -> Start:
    folder = ENVIRONMENT.folder / "bin"
    command = [str(folder / "mlflow"), "models", "serve", "--model-uri", str(place.case.mlflow_folder)]
    options = ["--env-manager", "local", "--workers", "1", "--host", "127.0.0.1", "--port", str(place.http_port)]
    return Start([*command, *options], {"PATH": f"{folder}:/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true"})


PEER = Peer(
    name="mlflow",
    title="mlflow models serve 3.17.2",
    environment=ENVIRONMENT,
    dialect=Invocations(),
    start=_start,
    settings="`mlflow models serve --env-manager local --workers 1`",
)
