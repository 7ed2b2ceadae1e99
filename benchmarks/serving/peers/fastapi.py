"""The application that one writes by hand."""

from benchmarks.serving.dialects import PlainJson
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import APPS, Peer, Place, Start, predictions, with_model

ENVIRONMENT = Environment("fastapi")


def _start(place: Place) -> Start:
    command = [str(ENVIRONMENT.folder / "bin" / "uvicorn"), "fastapi_app:app", "--app-dir", str(APPS)]
    options = ["--port", str(place.http_port), "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return Start([*command, *options], with_model(place))


PEER = Peer(
    name="fastapi",
    title="FastAPI 0.165, by hand",
    environment=ENVIRONMENT,
    dialect=PlainJson("/predict", predictions),
    start=_start,
    settings="a pydantic body and one `def` route; `uvicorn[standard]`: uvloop, httptools, one worker, no access log",
)
