"""An MLflow model folder, read from its `MLmodel` without MLflow. It loads no model and trusts no path in the file."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from modelyard_serving.errors import InvalidModel
from modelyard_serving.mlflow_signature import MlflowSignature

MLMODEL = "MLmodel"
_PYFUNC = "python_function"


@dataclass(frozen=True, slots=True)
class MlflowModel:
    """What the `MLmodel` file says."""

    folder: Path
    flavors: Mapping[str, Mapping[str, Any]]
    signature: MlflowSignature | None
    run_id: str | None
    model_id: str | None
    serving_example: Path | None
    """The JSON payload that MLflow saved for `/invocations`."""

    @classmethod
    def read(cls, folder: Path) -> "MlflowModel":
        """Raises InvalidModel where `MLmodel` is missing or is not what MLflow writes."""
        path = folder / MLMODEL
        try:
            # The C loader is ten times faster; PyYAML is built without it on a few platforms.
            document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        except FileNotFoundError as error:
            raise InvalidModel(f"{folder} is not an MLflow model: it has no file {MLMODEL}") from error
        except yaml.YAMLError as error:
            raise InvalidModel(f"{path} is not YAML: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("flavors"), dict):
            raise InvalidModel(f"{path} names no flavors")
        signature = document.get("signature")
        return cls(
            folder=folder,
            flavors={name: flavor or {} for name, flavor in document["flavors"].items()},
            signature=None if signature is None else MlflowSignature.parse(signature),
            run_id=document.get("run_id"),
            model_id=document.get("model_id"),
            serving_example=_serving_example(folder, document.get("saved_input_example_info") or {}),
        )

    @property
    def loader_module(self) -> str | None:
        """The module with which MLflow itself would load the model, e.g. `mlflow.sklearn`."""
        return self.flavors.get(_PYFUNC, {}).get("loader_module")

    @property
    def predict_function(self) -> str:
        """The method that answers: `predict` unless the model was logged with another."""
        return str(self.flavors.get(_PYFUNC, {}).get("predict_fn") or "predict")

    @property
    def uri(self) -> str | None:
        return f"models:/{self.model_id}" if self.model_id else None

    def flavor(self, name: str) -> Mapping[str, Any]:
        if name not in self.flavors:
            raise InvalidModel(f"{self.folder} has no flavor {name!r}; it has: {', '.join(sorted(self.flavors))}")
        return self.flavors[name]

    def file(self, name: object) -> Path:
        """The path of a file that the `MLmodel` names. Raises InvalidModel where it leaves the folder or is missing."""
        if not isinstance(name, str):
            raise InvalidModel(f"{self.folder / MLMODEL} names no model file")
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise InvalidModel(f"{self.folder / MLMODEL} names {name!r}, which is outside of the folder")
        if not path.exists():
            raise InvalidModel(f"{self.folder} has no {name!r}, which its {MLMODEL} names")
        return path

    def add_code_to_path(self) -> None:
        """Make the Python files that were logged with the model importable, as MLflow does."""
        for flavor in self.flavors.values():
            if code := flavor.get("code"):
                folder = str(self.file(code))
                if folder not in sys.path:
                    sys.path.insert(0, folder)

    def read_example(self) -> Any | None:
        """The payload that was logged with the model, in a form that `/invocations` takes; None when there is none."""
        if self.serving_example is None:
            return None
        try:
            payload = orjson.loads(self.serving_example.read_bytes())
        except orjson.JSONDecodeError:  # MLflow writes bare NaN here, which is no JSON; the example is only a courtesy.
            return None
        return _as_array(payload)


def _as_array(payload: Any) -> Any:
    """One value that was logged by itself, a text for instance, is a request of one row."""
    alone = payload.get("inputs") if isinstance(payload, dict) else None
    return {**payload, "inputs": [alone]} if isinstance(alone, str | int | float) else payload


def _serving_example(folder: Path, info: Mapping[str, Any]) -> Path | None:
    name = info.get("serving_input_path")
    path = folder / name if isinstance(name, str) and "/" not in name else None
    return path if path is not None and path.is_file() else None
