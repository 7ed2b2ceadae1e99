"""Loads objects that a training run pickled, in the formats of MLflow's sklearn flavor. The caller must trust the
file."""

import importlib
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard_serving.errors import InvalidModel, MissingExtra


def load_pickled(path: Path, *, serialization: str, trusted_types: Sequence[str] | None = None) -> Any:
    """The object in `path`, which is `pickle`, `cloudpickle`, `joblib` or `skops`.

    Raises:
        MissingExtra: the reader of the format is not installed.
        InvalidModel: the file is not of the format, or needs a module that is not installed.
    """
    try:
        return _load(path, serialization=serialization, trusted_types=trusted_types)
    except ModuleNotFoundError as error:
        raise InvalidModel(
            f"{path.name} needs the Python module {error.name!r}, which is not installed here"
        ) from error
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError) as error:
        raise InvalidModel(f"{path.name} cannot be read as {serialization}: {error}") from error


def _load(path: Path, *, serialization: str, trusted_types: Sequence[str] | None) -> Any:
    if serialization == "skops":
        # Only the types that the model's own MLmodel names are trusted, as MLflow does.
        return _library("skops.io").load(path, trusted=list(trusted_types) if trusted_types else None)
    if serialization == "joblib":
        return _library("joblib").load(path)
    if serialization not in ("pickle", "cloudpickle"):
        raise InvalidModel(f"{path.name} is serialized as {serialization!r}, which no runtime here reads")
    if serialization == "cloudpickle":
        _library("cloudpickle")
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301  # Covered by the bundle's manifest or by --trust-pickle.


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            extra="sklearn", needed_for=f"a model that was saved with {name.partition('.')[0]}"
        ) from error
