"""The shapes that a payload's data can have before any signature is asked, and how JSON's many forms become them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import simdjson

from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.frames.values import shown

_MAX_PROXIED = 256
"""simdjson looks a key up by walking the object: past this many keys, making Python objects of all is faster."""
MAX_CELLS = 16_000_000
"""The most values of one request. Formats that fill in missing values, or repeat a value, declare many in few bytes."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns by name; each a list, a simdjson array or a NumPy array."""

    values: Mapping[str, Any]
    arrays: int = 0
    """How many arrays the JSON text holds; 0 where they were not counted."""
    absent: Mapping[str, int] = field(default_factory=dict)
    """The first row in which a column was not there at all (records only); its value there is None."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of lists, or a nested array of any depth."""

    values: Any
    arrays: int = 0
    names: tuple[str, ...] | None = None
    """The names of the columns; None where they have none."""


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
        raise InvalidInput(f"'instances': expected an array, got {shown(plain(value))}")
    return _records_or_rows(value, "instances", arrays)


def from_records(value: Any, arrays: int) -> Payload:
    """The value of `dataframe_records`."""
    del arrays  # Records become Python objects one by one.
    if not isinstance(value, simdjson.Array | list):
        raise InvalidInput(f"'dataframe_records': expected an array of objects, got {shown(plain(value))}")
    return _transposed(plain(value), "dataframe_records")


def from_split(value: Any, arrays: int) -> Payload:
    """The value of `dataframe_split`: `columns` (absent for columns without names), `data`, and an `index` unused."""
    if not isinstance(value, simdjson.Object | dict):
        raise InvalidInput(f"'dataframe_split': expected an object, got {shown(plain(value))}")
    split = members(value, "dataframe_split")
    if "data" not in split or not split.keys() <= {"columns", "data", "index"}:
        raise InvalidInput(f"'dataframe_split': expected 'columns' and 'data', got {shown(sorted(split))}")
    names = plain(split.get("columns"))
    if not isinstance(split["data"], simdjson.Array | list) or not isinstance(names, list | None):
        raise InvalidInput("'dataframe_split': 'columns' and 'data' must be arrays")
    own_arrays = arrays - ("columns" in split) - ("index" in split)
    return Rows(split["data"], own_arrays, None if names is None else tuple(str(name) for name in names))


def by_column(names: Sequence[str], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Columns of rows. Raises InvalidInput for a row that is not a list, or has another length than there are names."""
    if (twice := repeated(names)) is not None:
        raise InvalidInput(f"column {twice!r} is named more than once")
    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise InvalidInput(f"row {index}: expected an array of {len(names)} values, got {shown(row)}")
        if len(row) != len(names):
            raise InvalidInput(f"row {index}: expected {len(names)} values, got {len(row)}")
    if not rows:
        return {name: [] for name in names}
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def repeated(names: Sequence[str]) -> str | None:
    """The first name that was there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def members(value: Any, field_name: str) -> dict[str, Any]:
    """The members of a JSON object, arrays still unread. Raises InvalidInput for a name that is there twice."""
    if isinstance(value, dict):
        return value
    found = value.as_dict() if len(value) > _MAX_PROXIED else {key: value[key] for key in value}
    if len(found) != len(value):
        raise InvalidInput(f"{field_name!r}: a name is there more than once")
    return found


def plain(value: Any) -> Any:
    """Python objects of a simdjson value."""
    if isinstance(value, simdjson.Array):
        return value.as_list()
    return value.as_dict() if isinstance(value, simdjson.Object) else value


def _columns(found: dict[str, Any], arrays: int) -> Payload:
    full = [name for name, value in found.items() if isinstance(value, simdjson.Array | list)]
    if len(full) == len(found):
        return Columns(found, arrays)
    if not full:
        return Columns({name: [plain(value)] for name, value in found.items()})
    single = next(name for name in found if name not in full)
    raise InvalidInput(
        f"'inputs': expected an array for every column or one value for every column; "
        f"{full[0]!r} has an array, {single!r} has {shown(plain(found[single]))}"
    )


def _records_or_rows(value: Any, field_name: str, arrays: int) -> Payload:
    if not len(value):
        raise InvalidInput(f"{field_name!r}: expected at least one row, got none")
    if isinstance(value[0], simdjson.Object | dict):
        return _transposed(plain(value), field_name)
    return Rows(value, arrays)


def _transposed(records: list[Any], field_name: str) -> Columns:
    """Columns of records. A column that a record lacks has None there, and is listed in `absent`."""
    names: dict[str, None] = {}
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise InvalidInput(f"{field_name!r}, row {row}: expected an object, got {shown(record)}")
        names.update(dict.fromkeys(record))
    if len(names) * len(records) > MAX_CELLS:
        raise ServingError(
            f"{field_name!r}: {len(records)} records of {len(names)} columns are more than {MAX_CELLS} values",
            kind=Kind.TOO_LARGE,
        )
    absent: dict[str, int] = {}
    for row, record in enumerate(records):
        if len(record) != len(names):
            absent = {name: row for name in names if name not in record} | absent
    return Columns({name: [record.get(name) for record in records] for name in names}, absent=absent)
