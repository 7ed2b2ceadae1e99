"""The shapes that a payload's data can have before any signature is asked, and how JSON's many forms become them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import simdjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.frames.values import shown

_MOST_PROXIED = 256
"""simdjson looks a key up by walking the object: past this many keys, making Python objects of all is faster."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns by name; each a list, a simdjson array or a NumPy array."""

    values: Mapping[str, Any]
    arrays: int = 0
    """How many arrays the JSON text holds; 0 where nobody counted."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows without names for their columns: a list of lists or a nested array of any depth."""

    values: Any
    arrays: int = 0


Payload = Columns | Rows


def from_inputs(value: Any, arrays: int) -> Payload:
    """The value of `inputs`: an object of columns, an object of single values, a list of records, or rows."""
    if isinstance(value, simdjson.Object | dict):
        return _columns(members(value, "inputs"), arrays)
    if isinstance(value, simdjson.Array | list):
        return _records_or_rows(value, "inputs", arrays)
    raise InvalidInput(f"'inputs': expected an object or an array, got {shown(value)}")


def from_instances(value: Any, arrays: int) -> Payload:
    """The value of `instances`, TensorFlow Serving's row form: a list of records or of rows."""
    if not isinstance(value, simdjson.Array | list):
        raise InvalidInput(f"'instances': expected an array, got {_kind(value)}")
    return _records_or_rows(value, "instances", arrays)


def from_records(value: Any, arrays: int) -> Payload:
    """The value of `dataframe_records`."""
    del arrays  # Records become Python objects one by one.
    if not isinstance(value, simdjson.Array | list):
        raise InvalidInput(f"'dataframe_records': expected an array of objects, got {_kind(value)}")
    records = value.as_list() if isinstance(value, simdjson.Array) else value
    return _transposed(records, "dataframe_records")


def from_split(value: Any, arrays: int) -> Payload:
    """The value of `dataframe_split`: `columns` (absent for columns without names), `data`, and an `index` unused."""
    if not isinstance(value, simdjson.Object | dict):
        raise InvalidInput(f"'dataframe_split': expected an object, got {_kind(value)}")
    split = members(value, "dataframe_split")
    if "data" not in split or not split.keys() <= {"columns", "data", "index"}:
        raise InvalidInput(f"'dataframe_split': expected 'columns' and 'data', got {sorted(split)}")
    if "columns" not in split:
        return Rows(split["data"], arrays)
    names, rows = plain(split["columns"]), plain(split["data"])
    if not isinstance(names, list) or not isinstance(rows, list):
        raise InvalidInput("'dataframe_split': 'columns' and 'data' must be arrays")
    return Columns(by_column([str(name) for name in names], rows))


def by_column(names: Sequence[str], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Columns of rows. Raises InvalidInput for a row that is not a list, or has another length than there are names."""
    if duplicates := sorted({name for name in names if list(names).count(name) > 1}):
        raise InvalidInput(f"column {duplicates[0]!r} is named more than once")
    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise InvalidInput(f"row {index}: expected an array of {len(names)} values, got {shown(row)}")
        if len(row) != len(names):
            raise InvalidInput(f"row {index}: expected {len(names)} values, got {len(row)}")
    if not rows:
        return {name: [] for name in names}
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def members(value: Any, field: str) -> dict[str, Any]:
    """The members of a JSON object, arrays still unread. Raises InvalidInput for a name that is there twice."""
    if isinstance(value, dict):
        return value
    members = value.as_dict() if len(value) > _MOST_PROXIED else {key: value[key] for key in value}
    if len(members) != len(value):
        raise InvalidInput(f"{field!r}: a name is there more than once")
    return members


def plain(value: Any) -> Any:
    """Python objects of a simdjson value."""
    if isinstance(value, simdjson.Array):
        return value.as_list()
    return value.as_dict() if isinstance(value, simdjson.Object) else value


def _columns(members: dict[str, Any], arrays: int) -> Payload:
    full = [name for name, value in members.items() if isinstance(value, simdjson.Array | list)]
    if len(full) == len(members):
        return Columns(members, arrays)
    if not full:
        return Columns({name: [plain(value)] for name, value in members.items()})
    single = next(name for name in members if name not in full)
    raise InvalidInput(
        f"'inputs': expected an array for every column or one value for every column; "
        f"{full[0]!r} has an array, {single!r} has {shown(plain(members[single]))}"
    )


def _records_or_rows(value: Any, field: str, arrays: int) -> Payload:
    if not len(value):
        raise InvalidInput(f"{field!r}: expected at least one row, got none")
    if isinstance(value[0], simdjson.Object | dict):
        return _transposed(value.as_list() if isinstance(value, simdjson.Array) else value, field)
    return Rows(value, arrays)


def _transposed(records: list[Any], field: str) -> Columns:
    """Columns of records. A record that lacks a column of another one has a missing value there."""
    names: dict[str, None] = {}
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise InvalidInput(f"{field!r}, row {row}: expected an object, got {shown(record)}")
        names.update(dict.fromkeys(record))
    return Columns({name: [record.get(name) for record in records] for name in names})


def _kind(value: Any) -> str:
    return shown(plain(value))
