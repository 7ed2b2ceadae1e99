"""Opening whatever a user points the server at: a bundle, an MLflow model folder, a file of a known format, a class.

It selects the runtime for the path, and rejects a bundle whose files differ from its manifest and a bare pickle without
`--trust-pickle`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from modelyard_serving.drift.profile import FILE as PROFILE
from modelyard_serving.drift.profile import Profile, read_profile
from modelyard_serving.errors import InvalidModel, ServingError
from modelyard_serving.frames import decode_predict
from modelyard_serving.manifest import verify_manifest, write_manifest
from modelyard_serving.mlmodel import MLMODEL, MlflowModel
from modelyard_serving.output_probe import probe_outputs
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.devices import CPU
from modelyard_serving.runtimes.registry import runtime
from modelyard_serving.served_version import BUNDLE
from modelyard_serving.synthetic_rows import probe_rows

__all__ = ["OpenedModel", "open_model", "write_manifest"]

SCHEMA = "modelyard.bundle/1"
_NATIVE_LOADERS = {
    "mlflow.catboost": "catboost",
    "mlflow.lightgbm": "lightgbm",
    "mlflow.onnx": "onnx",
    "mlflow.pytorch": "torch",
    "mlflow.sklearn": "sklearn",
    "mlflow.xgboost": "xgboost",
}
"""MLflow's loader modules whose files a runtime of ours reads itself; all others are left to MLflow."""
_SUFFIXES = {
    ".bst": "xgboost",
    ".cbm": "catboost",
    ".joblib": "sklearn",
    ".json": "xgboost",
    ".lgb": "lightgbm",
    ".onnx": "onnx",
    ".pickle": "sklearn",
    ".pkl": "sklearn",
    ".pt": "torch",
    ".pt2": "torch",
    ".skops": "sklearn",
    ".txt": "lightgbm",
    ".ubj": "xgboost",
    ".xgb": "xgboost",
}
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PICKLES = frozenset({".joblib", ".pkl", ".pickle"})


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A loaded model and what is known of where it came from."""

    model: Model
    name: str
    version: str | None
    run_id: str | None
    mlflow_uri: str | None
    example: Any | None
    """A payload in a form that `/predict` takes, parsed; None where there is none."""
    profile: Profile | None = None
    """Of the training data, which only a bundle has."""


def example_inputs(opened: OpenedModel) -> Tensors | None:
    """The inputs of the model's own example; None where there is none.

    Raises:
        InvalidInput: the example does not fit the model's signature.
    """
    if opened.example is None:
        return None
    return decode_predict(orjson.dumps(opened.example), None, opened.model.signature).inputs


def open_model(
    path: str, *, name: str | None, version: str | None, trust_pickle: bool, device: str = CPU
) -> OpenedModel:
    """Load the model at `path`.

    Args:
        path: a folder, a file, or `module:Class` for a class of the user's own.
        name: replaces the name that the path gives.
        version: likewise.
        trust_pickle: load a bare pickle, which runs whatever code is in it.
        device: on which it computes, as of `runtimes.devices`.

    Raises:
        InvalidModel: the path is not a model that can be served, in one sentence.
        MissingExtra: a library that it needs is not installed.
    """
    opened = _open(path, name=name, version=version, trust_pickle=trust_pickle, device=device)
    if (rows := probe_rows(opened.model, _example_rows(opened))) is not None:
        probe_outputs(opened.model, rows)
    return opened


def _open(path: str, *, name: str | None, version: str | None, trust_pickle: bool, device: str) -> OpenedModel:
    location = Path(path)
    if (location / BUNDLE).is_file():
        return _open_bundle(location, name=name, version=version, device=device)
    if (location / MLMODEL).is_file():
        return _open_mlflow(location, name=name, version=version, device=device)
    if location.is_file():
        return _open_file(location, name=name, version=version, trust_pickle=trust_pickle, device=device)
    if location.is_dir():
        raise InvalidModel(
            f"{path} holds neither {BUNDLE} nor {MLMODEL}, so it is neither a bundle nor an MLflow model"
        )
    if _CLASS.fullmatch(path):
        return _open_class(path, name=name, version=version, device=device)
    raise InvalidModel(f"there is no {path}")


def _example_rows(opened: OpenedModel) -> Tensors | None:
    """The rows of the model's example; None for an example that the signature rejects."""
    try:
        return example_inputs(opened)
    except ServingError:
        return None


def _open_bundle(folder: Path, *, name: str | None, version: str | None, device: str) -> OpenedModel:
    verify_manifest(folder)
    document = _read_json(folder / BUNDLE)
    if document.get("schema") != SCHEMA:
        raise InvalidModel(f"{folder / BUNDLE}: expected schema {SCHEMA!r}, got {document.get('schema')!r}")
    match document:
        case {"runtime": str(runtime_name), "source": str(source), "model": {"name": str(own_name)} as model_entry}:
            pass
        case _:
            raise InvalidModel(f"{folder / BUNDLE} needs strings 'runtime', 'source' and 'model.name'")
    example, profile = folder / "example.json", folder / PROFILE
    model = runtime(runtime_name, device=device).load(_inside(folder, source))
    return OpenedModel(
        model=model,
        name=name or own_name,
        version=version or model_entry.get("version"),
        run_id=model_entry.get("run_id"),
        mlflow_uri=model_entry.get("mlflow_uri"),
        example=_read_json(example) if example.is_file() else _own_example(model),
        profile=read_profile(profile.read_bytes()) if profile.is_file() else None,
    )


def _open_mlflow(folder: Path, *, name: str | None, version: str | None, device: str) -> OpenedModel:
    described = MlflowModel.read(folder)
    model = runtime(_runtime_of(described), device=device).load(folder)
    logged = described.read_example()
    return OpenedModel(
        model=model,
        name=name or folder.resolve().name,
        version=version,
        run_id=described.run_id,
        mlflow_uri=described.uri,
        example=_own_example(model) if logged is None else logged,
    )


def _runtime_of(described: MlflowModel) -> str:
    """The runtime for a folder: the native one of the loader that MLflow would use, else MLflow itself."""
    if described.loader_module is None:  # Logged without the python_function flavor: a native one must do.
        native = [f"mlflow.{flavor}" for flavor in described.flavors if f"mlflow.{flavor}" in _NATIVE_LOADERS]
        if not native:
            raise InvalidModel(f"{described.folder} has only flavors that cannot predict: {list(described.flavors)}")
        return _NATIVE_LOADERS[native[0]]
    return _NATIVE_LOADERS.get(described.loader_module, "pyfunc")


def _open_file(path: Path, *, name: str | None, version: str | None, trust_pickle: bool, device: str) -> OpenedModel:
    if path.suffix not in _SUFFIXES:
        raise InvalidModel(f"{path} is not of a known format; expected one of {', '.join(sorted(_SUFFIXES))}")
    if path.suffix in _PICKLES and not trust_pickle:
        raise InvalidModel(
            f"{path} is a pickle, which can run any code when it is loaded: pass --trust-pickle to do so"
        )
    model = runtime(_SUFFIXES[path.suffix], device=device).load(path)
    return OpenedModel(
        model=model,
        name=name or path.stem,
        version=version,
        run_id=None,
        mlflow_uri=None,
        example=_own_example(model),
    )


def _open_class(path: str, *, name: str | None, version: str | None, device: str) -> OpenedModel:
    model = runtime("python", device=device).load(Path(path))
    return OpenedModel(
        model=model,
        name=name or path.partition(":")[2],
        version=version,
        run_id=None,
        mlflow_uri=None,
        example=_own_example(model),
    )


def _own_example(model: Model) -> Any | None:
    """The payload that the model itself defines: a user's class, or a program that was exported with one."""
    return getattr(model, "example", None)


def _inside(folder: Path, source: str) -> Path:
    path = (folder / source).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InvalidModel(f"{folder / BUNDLE}: source {source!r} is outside of the bundle")
    if not path.exists():
        raise InvalidModel(f"{folder / BUNDLE}: there is no source {source!r}")
    return path


def _read_json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidModel(f"{path} is not JSON: {error}") from error
