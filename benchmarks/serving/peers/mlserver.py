"""MLServer."""

import json

from benchmarks.serving.dialects import MODEL, OpenInference
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import APPS, Peer, Place, Start, with_model
from benchmarks.serving.workloads import Form

ENVIRONMENT = Environment("mlserver")


def _start(place: Place) -> Start:
    settings = {
        "host": "127.0.0.1",
        "http_port": place.http_port,
        "grpc_port": place.grpc_port,
        "metrics_endpoint": None,
        "parallel_workers": 0,
        "debug": False,
        "logging_settings": {
            "version": 1,
            "root": {"level": "WARNING"},
            "loggers": {"mlserver": {"level": "WARNING"}, "uvicorn": {"level": "WARNING"}},
        },
    }
    (place.scratch / "settings.json").write_text(json.dumps(settings))
    (place.scratch / "model-settings.json").write_text(
        json.dumps({"name": MODEL, "implementation": "mlserver_model.Model", "parameters": {"version": "1"}})
    )
    command = [str(ENVIRONMENT.folder / "bin" / "mlserver"), "start", str(place.scratch)]
    return Start(command, with_model(place) | {"PYTHONPATH": str(APPS)})


PEER = Peer(
    name="mlserver",
    title="MLServer 1.7.1",
    environment=ENVIRONMENT,
    dialect=OpenInference(Form.JSON, Form.GRPC, dataframe_hint=True),
    start=_start,
    settings="`parallel_workers: 0`, the fastest for one worker on one core; `debug: false`; no log of requests",
)
