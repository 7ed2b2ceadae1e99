"""Writes the profile of training data, for whoever packages a model: `python -m modelyard_serving.drift.cli`.

The data are read as requests are, and the model itself answers them, so that a profile has what a server will see.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from modelyard_serving.bundle import open_model
from modelyard_serving.drift.profile import Profile
from modelyard_serving.drift.training import profile_of
from modelyard_serving.errors import InvalidInput, ServingError
from modelyard_serving.frames import decode_predict
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.signature import InputKind, Signature

MOST_ROWS = 20_000
"""Of more rows a sample at even distances is taken."""
_AT_ONCE = 1000
_CONTENT_TYPES = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 with a profile, 1 without one and the reason in one sentence."""
    options = _parser().parse_args(arguments)
    try:
        opened = open_model(options.model, name=None, version=None, trust_pickle=False)
        profile = training_profile(opened.model, Path(options.data))
    except ServingError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    Path(options.output).write_bytes(profile.to_json())
    return 0


def training_profile(model: Model, data: Path) -> Profile:
    """The profile of the rows in a file: JSON as `mlflow.log_table` writes it or `/predict` takes it, CSV, Parquet.

    Columns that the model does not take, such as the target, are left out.

    Raises:
        InvalidInput: the rows are not what the model takes.
    """
    content, form = data.read_bytes(), _CONTENT_TYPES.get(data.suffix)
    if form is None:
        content = orjson.dumps(_request(content, model.signature))
    inputs = decode_predict(content, form, model.signature).inputs
    rows = min((array.shape[0] for array in inputs.values() if array.shape), default=0)
    if not rows:
        raise InvalidInput("the training data have no rows")
    step = -(-rows // MOST_ROWS)
    sample = {name: np.ascontiguousarray(array[::step]) for name, array in inputs.items()}
    taken = -(-rows // step)
    return profile_of(sample, _answers(model, sample, taken), rows=taken)


def _answers(model: Model, inputs: Tensors, rows: int) -> Tensors:
    parts = [
        model.predict({name: array[start : start + _AT_ONCE] for name, array in inputs.items()})
        for start in range(0, rows, _AT_ONCE)
    ]
    wanted = [output.name for output in model.signature.default_outputs]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in wanted
        if all(name in part and part[name].ndim for part in parts)
    }


def _request(content: bytes, signature: Signature) -> Any:
    """The rows as a request of `/predict`."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the training data are not JSON: {error}") from error
    if not isinstance(document, dict) or not {"columns", "data"} <= document.keys():
        return document
    names, rows = document["columns"], document["data"]
    if not isinstance(names, list) or not isinstance(rows, list):
        raise InvalidInput("columns and data of the training data must be lists")
    wanted = {spec.name for spec in signature.inputs}
    taken = [index for index, name in enumerate(names) if name in wanted]
    if signature.kind is InputKind.FRAME or (taken and len(signature.inputs) > 1):
        named = [names[index] for index in taken]
        return {"dataframe_split": {"columns": named, "data": [[row[index] for index in taken] for row in rows]}}
    return {"inputs": [row[: _width(signature)] for row in rows]}


def _width(signature: Signature) -> int | None:
    """How many values a row of the only input has; None where that is not said."""
    shape = signature.inputs[0].shape
    return shape[1] if len(shape) == 2 and shape[1] > 0 else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="modelyard_serving.drift.cli", description=__doc__)
    parser.add_argument("model", help="a bundle, an MLflow model folder or a model file")
    parser.add_argument("data", help="the training data: .json, .csv or .parquet")
    parser.add_argument("output", help="where the profile is written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
