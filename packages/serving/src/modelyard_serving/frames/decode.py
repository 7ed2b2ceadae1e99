"""The body of `/predict` or `/invocations` to a request for the model, by its content type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import simdjson

from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.frames.arrow import read_arrow, read_parquet
from modelyard_serving.frames.csv import read_csv
from modelyard_serving.frames.payload import (
    Columns,
    Payload,
    from_inputs,
    from_instances,
    from_records,
    from_split,
    members,
    plain,
    repeated,
)
from modelyard_serving.frames.table import to_tensors
from modelyard_serving.frames.values import shown
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature

_FORMS: dict[str, Callable[[Any, int], Payload]] = {
    "inputs": from_inputs,
    "instances": from_instances,
    "dataframe_split": from_split,
    "dataframe_records": from_records,
}
_JSON = "application/json"
_CSV = "text/csv"
TABLES: dict[str, Callable[[bytes], Columns]] = {
    "application/vnd.apache.arrow.stream": read_arrow,
    "application/vnd.apache.arrow.file": read_arrow,
    "application/vnd.apache.parquet": read_parquet,
    "application/x-parquet": read_parquet,
}
_FIELDS = frozenset({*_FORMS, "outputs", "params", "parameters"})


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What a caller of `/predict` wants."""

    inputs: Tensors
    parameters: Mapping[str, Any]
    outputs: tuple[str, ...] | None
    """The names of the wanted outputs; None for the default ones."""


def decode_predict(body: bytes, content_type: str | None, signature: Signature) -> PredictRequest:
    """Read one body.

    Args:
        content_type: as the request's header has it; None and the empty string mean JSON.

    Raises:
        InvalidInput: the body does not parse, or is not what the signature asks for.
        ServingError: of kind UNSUPPORTED for a content type that is not read here.
        MissingExtra: Arrow or Parquet without pyarrow.
    """
    form = media_type(content_type)
    if form == _JSON or form.endswith("+json"):
        return _decode_json(body, signature)
    if form == _CSV:
        columns = read_csv(body, signature)
    elif form in TABLES:
        columns = TABLES[form](body)
    else:
        expected = ", ".join([_JSON, _CSV, *TABLES])
        raise ServingError(f"content type {form!r} is not read; expected {expected}", kind=Kind.UNSUPPORTED)
    return PredictRequest(inputs=to_tensors(columns, signature), parameters={}, outputs=None)


def media_type(content_type: str | None) -> str:
    """The form that a header names, without its parameters."""
    return (content_type or _JSON).partition(";")[0].strip().lower()


def _decode_json(body: bytes, signature: Signature) -> PredictRequest:
    try:
        document = simdjson.Parser().parse(body)
    except (ValueError, RuntimeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not JSON: {error}") from error
    if not isinstance(document, simdjson.Object):
        raise InvalidInput(f"expected a JSON object with one of {_named(_FORMS)}, got {shown(plain(document))}")
    fields = members(document, "the body")
    if unknown := sorted(fields.keys() - _FIELDS):
        raise InvalidInput(
            f"unknown field {unknown[0]!r}; expected one of {_named(_FORMS)} and, optional, outputs, params"
        )
    forms = [name for name in fields if name in _FORMS]
    if len(forms) != 1:
        raise InvalidInput(f"expected exactly one of {_named(_FORMS)}, got {_named(forms) or 'none'}")
    arrays = body.count(b"[") - ("outputs" in fields)
    payload = _FORMS[forms[0]](fields[forms[0]], arrays)
    return PredictRequest(
        inputs=to_tensors(payload, signature),
        parameters=_parameters(fields, signature),
        outputs=_outputs(plain(fields.get("outputs")), signature),
    )


def _parameters(fields: Mapping[str, Any], signature: Signature) -> Mapping[str, Any]:
    given = {**_object(fields, "params"), **_object(fields, "parameters")}
    if unknown := sorted(given.keys() - signature.params.keys()):
        raise InvalidInput(f"unknown parameter {unknown[0]!r}; the model declares {_named(signature.params) or 'none'}")
    return given


def _object(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = plain(fields.get(name))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f"{name!r}: expected an object, got {shown(value)}")
    return value


def _outputs(names: Any, signature: Signature) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InvalidInput(f"'outputs': expected an array of names, got {shown(names)}")
    known = [spec.name for spec in signature.outputs]
    if known and (unknown := [name for name in names if name not in known]):
        raise InvalidInput(f"unknown output {unknown[0]!r}; the model has {_named(known)}")
    if (twice := repeated(names)) is not None:
        raise InvalidInput(f"output {twice!r} is asked for more than once")
    return tuple(names)


def _named(names: Any) -> str:
    return ", ".join(names)
