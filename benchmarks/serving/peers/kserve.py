"""KServe's own server."""

from benchmarks.serving.dialects import OpenInference
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import Peer, app
from benchmarks.serving.workloads import Form

ENVIRONMENT = Environment("kserve")

PEER = Peer(
    name="kserve",
    title="KServe 0.21.0",
    environment=ENVIRONMENT,
    dialect=OpenInference(Form.JSON, Form.BINARY, Form.GRPC),
    start=lambda place: app(ENVIRONMENT, "kserve_app.py", place, place.http_port, place.grpc_port),
    settings="a model class on `ModelServer`, `workers=1`, without latency and access logs",
)
