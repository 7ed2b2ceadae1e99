"""LitServe."""

from benchmarks.serving.dialects import PlainJson
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import Peer, app, predictions

ENVIRONMENT = Environment("litserve")

PEER = Peer(
    name="litserve",
    title="LitServe 0.2.19",
    environment=ENVIRONMENT,
    dialect=PlainJson("/predict", predictions),
    start=lambda place: app(ENVIRONMENT, "litserve_app.py", place, place.http_port),
    settings="`workers_per_device=1`, one API server, no access log",
)
