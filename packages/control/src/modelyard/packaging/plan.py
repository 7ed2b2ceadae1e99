"""How a logged model is served: which runtime loads it, and what its environment holds. It reads text only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from modelyard.errors import Invalid
from modelyard.registry.mlmodel import read_mlmodel, read_signature

# MLflow's flavor, our runtime of the same format, and the extra of modelyard-serving that brings its library.
_RUNTIMES = (
    ("sklearn", "sklearn"),
    ("xgboost", "xgboost"),
    ("lightgbm", "lightgbm"),
    ("catboost", "catboost"),
    ("pytorch", "torch"),
    ("onnx", "onnx"),
)
_FALLBACK = "pyfunc"
_FRAMES = "frames"
_MLFLOW = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing"})


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """The runtime, the extras of our server, and the model's own requirements."""

    runtime: str
    server_extras: tuple[str, ...]
    requirements: tuple[str, ...]

    @property
    def is_native(self) -> bool:
        """Whether a runtime of ours reads the model's own files; if not, only MLflow can."""
        return self.runtime != _FALLBACK

    def compiled(self) -> "ServingPlan":
        """The plan for the model's accepted translation: neither its library nor any requirement of its own."""
        frames = [extra for extra in self.server_extras if extra == _FRAMES]
        return ServingPlan(runtime="onnx", server_extras=("onnx", *frames), requirements=())


def plan_serving(folder: Path) -> ServingPlan:
    """The plan for an MLflow model folder.

    Raises:
        Invalid: code `model_not_servable`, when it is none, or its requirements are not names.
    """
    mlmodel = read_mlmodel(folder)
    flavors = mlmodel.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        raise Invalid(
            "the artifact is not an MLflow model: its file MLmodel names no flavor", code="model_not_servable"
        )
    runtime = _runtime(flavors)
    requirements = _requirements(folder)
    if runtime != _FALLBACK:
        requirements = [text for text in requirements if Requirement(text).name.lower() not in _MLFLOW]
    extras = ["mlflow" if runtime == _FALLBACK else runtime]
    if runtime == _FALLBACK or _takes_a_frame(folder):
        extras.append(_FRAMES)
    return ServingPlan(runtime=runtime, server_extras=tuple(extras), requirements=tuple(requirements))


def _runtime(flavors: Mapping[str, Any]) -> str:
    brings_code = any(isinstance(flavor, dict) and flavor.get("code") for flavor in flavors.values())
    if brings_code:
        # Code of the user's own stands beside the model; only MLflow knows how to put it on the path.
        return _FALLBACK
    return next((runtime for flavor, runtime in _RUNTIMES if flavor in flavors), _FALLBACK)


def _requirements(folder: Path) -> list[str]:
    path = folder / "requirements.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [_named(line.strip()) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _named(line: str) -> str:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        requirement = None
    if requirement is None or requirement.url is not None:
        raise Invalid(
            f"the model's requirements.txt: expected names with versions only, got {line[:80]!r}",
            code="model_not_servable",
        )
    return str(requirement)


def _takes_a_frame(folder: Path) -> bool:
    signature = read_signature(folder) or {}
    inputs = signature.get("inputs") or []
    return bool(inputs) and all(column.get("type") != "tensor" for column in inputs)
