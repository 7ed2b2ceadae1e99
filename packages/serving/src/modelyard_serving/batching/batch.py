"""Joins the inputs of several requests and splits the outputs again. Pure: it runs nothing and knows no queue."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelyard_serving.runtimes.base import Tensors

Key = tuple[Any, ...]
_SERVER_PARAMETERS = frozenset({"priority", "timeout", "binary_data_output"})
"""Parameters that the server itself handles. They are not part of the batch key."""


class NotSplittableError(Exception):
    """The outputs of a batch do not have its rows."""


def batch_key(inputs: Tensors, outputs: Sequence[str] | None, parameters: Mapping[str, Any] | None) -> Key | None:
    """The key that requests must share to be computed in one batch: names, datatypes, row shapes, requested outputs and
    parameters. None for a request without rows, with tensors of different row counts, or with a parameter that is not a
    scalar."""
    tensors = []
    rows = -1
    for name, array in inputs.items():
        shape = array.shape
        if not shape or shape[0] == 0 or rows not in (-1, shape[0]):
            return None
        rows = shape[0]
        tensors.append((name, array.dtype, shape[1:]))
    if not tensors:
        return None
    model_parameters = _model_parameters(parameters) if parameters else ()
    if model_parameters is None:
        return None
    return (tuple(tensors), None if outputs is None else tuple(outputs), model_parameters)


def _model_parameters(parameters: Mapping[str, Any]) -> Key | None:
    """The parameters that are passed to the model; None where one is not a scalar."""
    model_parameters = tuple(
        (name, type(value), value) for name, value in sorted(parameters.items()) if name not in _SERVER_PARAMETERS
    )
    return (
        model_parameters
        if all(isinstance(value, (str, bool, int, float)) for _, _, value in model_parameters)
        else None
    )


def join(requests: Sequence[Tensors]) -> Tensors:
    """The rows of all requests, in their order."""
    return {name: np.concatenate([request[name] for request in requests]) for name in requests[0]}


def split(outputs: Tensors, rows: Sequence[int]) -> list[Tensors]:
    """Each request's own rows of a batch's outputs, in the order of the requests.

    Raises:
        NotSplittableError: an output does not have as many rows as the batch.
    """
    total = sum(rows)
    for name, array in outputs.items():
        if not array.shape or array.shape[0] != total:
            raise NotSplittableError(f"output {name!r} of {total} rows has shape {list(array.shape)}")
    parts: list[Tensors] = []
    start = 0
    for count in rows:
        end = start + count
        parts.append({name: array[start:end] for name, array in outputs.items()})
        start = end
    return parts
