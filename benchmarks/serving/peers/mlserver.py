"""MLServer: as fast as it can be made on one core, and as it comes."""

import json
from typing import Any

from benchmarks.serving.dialects import MODEL, OpenInference
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import APPS, Peer, Place, Start, with_model
from benchmarks.serving.workloads import Form

ENVIRONMENT = Environment("mlserver")


def _start(place: Place) -> Start:
    quiet = {
        "version": 1,
        "root": {"level": "WARNING"},
        "loggers": {"mlserver": {"level": "WARNING"}, "uvicorn": {"level": "WARNING"}},
    }
    return _with(place, metrics_endpoint=None, parallel_workers=0, debug=False, logging_settings=quiet)


def _start_at_defaults(place: Place) -> Start:
    return _with(place, metrics_port=place.metrics_port)


def _with(place: Place, **settings: Any) -> Start:
    reported = {"host": "127.0.0.1", "http_port": place.http_port, "grpc_port": place.grpc_port, **settings}
    (place.scratch / "settings.json").write_text(json.dumps(reported))
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
    settings=(
        "`parallel_workers: 0`: the model runs in the server's own process, which spares each request the way to a"
        " second one and back, and is the fastest on one core; `debug: false`; no metrics, no log of requests"
    ),
)
AT_DEFAULTS = Peer(
    name="mlserver-defaults",
    title="MLServer 1.7.1 at its defaults",
    environment=ENVIRONMENT,
    dialect=PEER.dialect,
    start=_start_at_defaults,
    settings=(
        "nothing but ports: `parallel_workers: 1`, so the model runs in a process beside the server's; `debug: true`;"
        " metrics and a log of requests"
    ),
)
