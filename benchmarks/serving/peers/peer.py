"""What the benchmark must know of a server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.cases import Case
from benchmarks.serving.dialects import Dialect
from benchmarks.serving.environments import SERVING, Environment

APPS = Path(__file__).parents[1] / "apps"
MODEL_FOLDER = "MODELYARD_BENCH_MODEL"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server runs: its model, a folder of its own, and its ports."""

    case: Case
    scratch: Path
    http_port: int
    grpc_port: int
    metrics_port: int
    """For servers that tell their metrics elsewhere."""


@dataclass(frozen=True, slots=True)
class Start:
    """The command that starts a server, in which folder, with which variables besides its environment's."""

    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """One server of the comparison."""

    name: str
    title: str
    environment: Environment
    dialect: Dialect
    start: Callable[[Place], Start]
    settings: str
    """Its configuration, in a sentence for the report."""
    serves: Callable[[Case], bool] = lambda _: True
    """Whether it can serve a model at all."""
    survives_a_stop: bool = True
    """Whether its processes may be stopped in their tracks while others are measured."""


def app(environment: Environment, name: str, place: Place, *arguments: Any) -> Start:
    """A program of `apps/` in an environment, given the path of the model."""
    command = [str(environment.python), str(APPS / name), *map(str, arguments)]
    return Start(command, with_model(place))


def with_model(place: Place) -> dict[str, str]:
    """The variables that `apps/predictor.py` reads."""
    return {MODEL_FOLDER: str(place.case.folder), "PYTHONPATH": str(APPS)}


def predictions(answer: Any) -> Sequence[Any]:
    """The answers of an application that gives `{"predictions": […]}`."""
    reported: Sequence[Any] = answer["predictions"]
    return reported


OURS = Environment("modelyard", source=SERVING)
"""What a deployment of ours would have, and the floors' servers."""
