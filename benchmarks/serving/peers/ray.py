"""Ray Serve."""

from benchmarks.serving.dialects import PlainJson
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import Peer, Place, Start, app, predictions

ENVIRONMENT = Environment("ray")


def _start(place: Place) -> Start:
    started = app(ENVIRONMENT, "ray_app.py", place, place.http_port)
    fast = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(place.scratch)}
    return Start(started.command, {**started.variables, **fast})


PEER = Peer(
    name="ray",
    title="Ray Serve 2.60.0",
    environment=ENVIRONMENT,
    dialect=PlainJson("/predict", predictions),
    start=_start,
    settings="one replica, `RAY_SERVE_THROUGHPUT_OPTIMIZED=1`, `max_ongoing_requests=100`, no access log",
)
