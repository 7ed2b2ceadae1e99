"""CSV with a header, RFC 4180, in UTF-8. An empty field is a missing value. It guesses no type that is declared."""

import csv
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.frames.payload import Columns, by_column
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import InputKind, Signature, TensorSpec

_BOOLEANS = {"true": True, "false": False}
_MAX_FIELD_CHARS = 1 << 26

Read = Callable[[str], Any]


def read_csv(body: bytes, signature: Signature) -> Columns:
    """Columns of Python values. A field that is not what its column declares stays text, for `columns` to refuse.

    Raises:
        InvalidInput: the body is not UTF-8 or not CSV, or a row has another number of fields than the header.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the CSV is not UTF-8: byte {error.start} is wrong") from error
    csv.field_size_limit(_MAX_FIELD_CHARS)
    try:
        header, *rows = list(csv.reader(text.splitlines(keepends=True), strict=True)) or [[]]
    except csv.Error as error:
        raise InvalidInput(f"the body is not CSV: {error}") from error
    if not header:
        raise InvalidInput("the CSV is empty; expected a header with the names of the columns")
    columns = by_column(header, [row for row in rows if row])
    return Columns({name: [_read(signature, name)(field) for field in fields] for name, fields in columns.items()})


def _read(signature: Signature, name: str) -> Read:
    """How a field of this column becomes a value."""
    if not signature.is_declared and signature.kind is InputKind.FRAME:
        return _guessed
    specs: Sequence[TensorSpec] = [spec for spec in signature.inputs if spec.name == name]
    if not specs and len(signature.inputs) == 1:  # Columns for a model that was fitted on a plain array.
        specs = signature.inputs
    if not specs:
        return _guessed
    if specs[0].logical_type == "json":
        return _json
    return _READERS.get(_kind(specs[0].datatype), _text)


def _kind(datatype: Datatype) -> str:
    return "O" if datatype is Datatype.BF16 else datatype.numpy_dtype.kind


def _text(field: str) -> str | None:
    return field or None


def _number(field: str) -> float | str | None:
    if not field or "_" in field:  # Python would read 1_000 as a number.
        return field or None
    try:
        return float(field)
    except ValueError:
        return field


def _whole(field: str) -> int | float | str | None:
    try:
        return int(field) if "_" not in field else field
    except ValueError:
        return _number(field)


def _boolean(field: str) -> bool | str | None:
    return _BOOLEANS.get(field.lower(), field or None)


def _json(field: str) -> Any:
    try:
        return orjson.loads(field) if field else None
    except orjson.JSONDecodeError:
        return field


def _guessed(field: str) -> Any:
    value = _whole(field)
    return _boolean(field) if isinstance(value, str) else value


_READERS: dict[str, Read] = {"f": _number, "i": _whole, "u": _whole, "b": _boolean}
