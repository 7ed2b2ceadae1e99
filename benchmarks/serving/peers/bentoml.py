"""BentoML."""

from collections.abc import Sequence
from typing import Any

from benchmarks.serving.dialects import PlainJson
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import APPS, Peer, Place, Start, with_model

ENVIRONMENT = Environment("bentoml")


def _start(place: Place) -> Start:
    command = [str(ENVIRONMENT.folder / "bin" / "bentoml"), "serve", "bento_app:Model", "--working-dir", str(APPS)]
    options = ["--host", "127.0.0.1", "--port", str(place.http_port)]
    folders = {"BENTOML_HOME": str(place.scratch), "BENTOML_DO_NOT_TRACK": "True"}
    return Start([*command, *options], with_model(place) | folders)


def _answers(answer: Any) -> Sequence[Any]:
    reported: Sequence[Any] = answer
    return reported


PEER = Peer(
    name="bentoml",
    title="BentoML 1.4.39",
    environment=ENVIRONMENT,
    dialect=PlainJson("/predict", _answers),
    start=_start,
    settings="one service, `workers=1`, a NumPy array (a data frame for tables) in, an array out, no access log",
)
