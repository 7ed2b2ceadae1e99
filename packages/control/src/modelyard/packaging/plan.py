"""How a logged model is served: which runtime loads it, and what its environment holds. It reads text only."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from packaging.requirements import Requirement

from modelyard.errors import Invalid
from modelyard.packaging.brought_code import needs_only
from modelyard.registry.mlmodel import read_mlmodel, read_signature
from modelyard_client.errors import Invalid as ClientInvalid
from modelyard_client.needs import Needs, read_requirements_file

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
_WITH_CODE = {"sklearn": frozenset({"joblib", "numpy", "scipy", "sklearn"})}
"""The runtimes that put a model's own code on the path, each with what is surely there besides its requirements."""
_PICKLED = frozenset({"sklearn", "torch", _FALLBACK})
"""The runtimes of models that are pickles, and so belong to a version of Python."""
_PYTHON = re.compile(r"\d+\.\d+(?:\.\d+)?")
_LARGEST = 1024 * 1024
_FRAMES = "frames"
_MLFLOW = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing"})


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """The runtime, the extras of our server, and the model's own requirements."""

    runtime: str
    server_extras: tuple[str, ...]
    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    python: str | None = None
    """The Python that pickled the model; None for a format that no Python is part of."""

    @property
    def requires_python(self) -> str:
        """The versions of Python that will do: all of the same minor version."""
        return "" if self.python is None else f"=={'.'.join(self.python.split('.')[:2])}.*"

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
    needs = _needs(folder)
    requirements = needs.requirements
    runtime = _runtime(folder, flavors, requirements)
    if runtime != _FALLBACK:
        requirements = tuple(text for text in requirements if _name(text) not in _MLFLOW)
    extras = ["mlflow" if runtime == _FALLBACK else runtime]
    if runtime == _FALLBACK or _takes_a_frame(folder):
        extras.append(_FRAMES)
    return ServingPlan(
        runtime=runtime,
        server_extras=tuple(extras),
        requirements=requirements,
        constraints=needs.constraints,
        python=_python(folder, flavors) if runtime in _PICKLED else None,
    )


def _runtime(folder: Path, flavors: Mapping[str, Any], requirements: Sequence[str]) -> str:
    native = next((runtime for flavor, runtime in _RUNTIMES if flavor in flavors), _FALLBACK)
    codes = {flavor["code"] for flavor in flavors.values() if isinstance(flavor, dict) and flavor.get("code")}
    if not codes:
        return native
    # What such code imports may come with MLflow, which leaves its own dependencies out of a model's requirements.
    modules = _WITH_CODE.get(native, frozenset()) | {_name(text).replace("-", "_") for text in requirements} - _MLFLOW
    is_native = native in _WITH_CODE and all(needs_only(folder, code, modules) for code in codes)
    return native if is_native else _FALLBACK


def _needs(folder: Path) -> Needs:
    """What the model's `requirements.txt` says, with the files of the model that it includes."""

    def read(path: PurePosixPath) -> str | None:
        file = folder / path
        is_below = not path.is_absolute() and ".." not in path.parts and "\0" not in str(path)
        is_text = is_below and file.is_file() and not file.is_symlink() and file.stat().st_size <= _LARGEST
        return file.read_text(encoding="utf-8", errors="replace") if is_text else None

    path = PurePosixPath("requirements.txt")
    if read(path) is None:
        return Needs()
    try:
        return read_requirements_file(path, read)
    except ClientInvalid as refused:
        raise Invalid(f"the model's {refused.message}", code="model_not_servable") from refused


def _name(requirement: str) -> str:
    return Requirement(requirement.partition(" --hash=")[0]).name.lower()


def _python(folder: Path, flavors: Mapping[str, Any]) -> str | None:
    """The Python that made the model: as its `python_env.yaml` says, else its MLmodel file."""
    version = _mapping(_yaml(folder / "python_env.yaml")).get("python")
    if version is None:
        version = _mapping(flavors.get("python_function")).get("python_version")
    return str(version) if version is not None and _PYTHON.fullmatch(str(version)) else None


def _yaml(file: Path) -> Any:
    if not file.is_file() or file.is_symlink() or file.stat().st_size > _LARGEST:
        return None
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _takes_a_frame(folder: Path) -> bool:
    signature = read_signature(folder) or {}
    inputs = signature.get("inputs") or []
    return bool(inputs) and all(column.get("type") != "tensor" for column in inputs)
