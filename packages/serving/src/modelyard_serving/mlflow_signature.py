"""MLflow's model signature in the protocol's terms. Pure: it takes the parsed YAML of `MLmodel` and reads no file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from modelyard_serving.errors import InvalidModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import DEFAULT_INPUT, DEFAULT_OUTPUT, InputKind, Signature, TensorSpec

_COLUMN_TYPES: dict[str, tuple[Datatype, str | None]] = {
    "boolean": (Datatype.BOOL, None),
    "integer": (Datatype.INT32, None),
    "long": (Datatype.INT64, None),
    "float": (Datatype.FP32, None),
    "double": (Datatype.FP64, None),
    "string": (Datatype.BYTES, "string"),
    "binary": (Datatype.BYTES, "binary"),
    "datetime": (Datatype.BYTES, "datetime"),
}
_NESTED_TYPES = frozenset({"array", "object", "map", "any", "sparkml_vector"})
"""Types that no tensor can hold: they travel as JSON text in a BYTES column, with the logical type `json`."""


@dataclass(frozen=True, slots=True)
class MlflowSignature:
    """`signature` for the server, and what only the model's own library must know."""

    signature: Signature
    column_labels: tuple[str | int, ...]
    """The labels of a frame's columns as the model saw them in training: MLflow allows integers."""

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "MlflowSignature":
        """Raises InvalidModel where a field is not what MLflow writes."""
        inputs = [] if _says_nothing(_schema(document, "inputs")) else _schema(document, "inputs")
        outputs = _schema(document, "outputs")
        is_frame = any(column.get("type") != "tensor" for column in inputs)
        signature = Signature(
            inputs=tuple(_spec(column, default=_input_name(i, inputs)) for i, column in enumerate(inputs)),
            outputs=tuple(_spec(column, default=_output_name(i, outputs)) for i, column in enumerate(outputs)),
            kind=InputKind.FRAME if is_frame else InputKind.TENSORS,
            is_declared=bool(inputs),
            params={param["name"]: param.get("default") for param in _schema(document, "params")},
        )
        labels = tuple(_label(column, default=_input_name(i, inputs)) for i, column in enumerate(inputs))
        return cls(signature=signature, column_labels=labels)


def _schema(document: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    text = document.get(field)
    if text is None:
        return []
    try:
        columns = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError) as error:
        raise InvalidModel(f"the signature's {field!r} is not JSON: {error}") from error
    if not isinstance(columns, list) or not all(isinstance(column, dict) for column in columns):
        raise InvalidModel(f"the signature's {field!r} is not a list of objects")
    return columns


def _says_nothing(columns: list[dict[str, Any]]) -> bool:
    """One unnamed column of type `any` is what MLflow writes for an unknown signature."""
    return len(columns) == 1 and columns[0].get("type") == "any" and columns[0].get("name") is None


def _spec(column: Mapping[str, Any], *, default: str) -> TensorSpec:
    name = str(_label(column, default=default))
    if column.get("type") == "tensor":
        return _tensor(name, column.get("tensor-spec") or {})
    datatype, logical_type = _column_type(name, column.get("type"))
    optional = column.get("required") is False or column.get("optional") is True
    return TensorSpec(name=name, datatype=datatype, shape=(-1,), optional=optional, logical_type=logical_type)


def _tensor(name: str, tensor: Mapping[str, Any]) -> TensorSpec:
    try:
        dtype = np.dtype(tensor["dtype"])
        shape = tuple(int(size) for size in tensor["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidModel(f"the signature's tensor {name!r} needs a 'dtype' and a 'shape', got {tensor}") from error
    if dtype.kind in "mM":
        return TensorSpec(name=name, datatype=Datatype.BYTES, shape=shape, logical_type="datetime")
    try:
        datatype = Datatype.of(dtype)
    except KeyError as error:
        raise InvalidModel(f"the signature's tensor {name!r} is {dtype}, which the protocol cannot carry") from error
    return TensorSpec(name=name, datatype=datatype, shape=shape)


def _column_type(name: str, type_name: object) -> tuple[Datatype, str | None]:
    if type_name in _NESTED_TYPES:
        return Datatype.BYTES, "json"
    if isinstance(type_name, str) and type_name in _COLUMN_TYPES:
        return _COLUMN_TYPES[type_name]
    raise InvalidModel(f"the signature's column {name!r} has an unknown type {type_name!r}")


def _label(column: Mapping[str, Any], *, default: str) -> str | int:
    label = column.get("name")
    return label if isinstance(label, str | int) else default


def _input_name(index: int, columns: list[dict[str, Any]]) -> str:
    return DEFAULT_INPUT if len(columns) == 1 else f"{DEFAULT_INPUT}_{index}"


def _output_name(index: int, columns: list[dict[str, Any]]) -> str:
    return DEFAULT_OUTPUT if len(columns) == 1 else f"{DEFAULT_OUTPUT}_{index}"
