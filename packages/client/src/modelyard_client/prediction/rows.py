"""The forms in which a caller may have rows, distinguished by their interface: no data library is imported here."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard_client.errors import Invalid

Columns = dict[str, Sequence[Any]]


def inputs_of(rows: object) -> object:
    """The value of `inputs` for these rows.

    - a mapping of columns, `{"age": [31, 45]}`, or of single values, which is one row: as it is
    - a DataFrame of pandas or polars, or a table of Arrow: columns by name
    - a sequence of records, `[{"age": 31}, …]`: columns by name, with None where a record has no value
    - an array, or a sequence of rows without names: as it is

    Raises:
        Invalid: none of these, or two columns have one name.
    """
    columns = frame_columns(rows)
    if columns is not None:
        return columns
    if isinstance(rows, Mapping):
        return {str(name): values for name, values in rows.items()}
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        return columns_of_records(rows) if rows and isinstance(rows[0], Mapping) else rows
    if hasattr(rows, "tolist"):
        return rows
    raise Invalid(
        f"expected columns, records, an array or a DataFrame, got {type(rows).__name__}",
        code="inputs_invalid",
        field="inputs",
    )


def frame_columns(rows: Any) -> Columns | None:
    """Columns of a pandas or polars DataFrame or an Arrow table; None for anything else."""
    if hasattr(rows, "to_pydict"):
        names, columns = rows.column_names, rows.to_pydict
    elif hasattr(rows, "iloc") and hasattr(rows, "columns"):
        names, columns = rows.columns, lambda: rows.to_dict(orient="list")
    elif hasattr(rows, "to_dicts") and hasattr(rows, "columns"):
        names, columns = rows.columns, lambda: rows.to_dict(as_series=False)
    else:
        return None
    check_unique([str(name) for name in names])
    return {str(name): values for name, values in columns().items()}


def columns_of_records(records: Sequence[Any]) -> Columns:
    """Records as columns, in the order in which their names first appear.

    Raises:
        Invalid: one of them is not a mapping.
    """
    names: dict[str, None] = {}
    for index, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise Invalid(
                f"row {index}: expected a record like the rows before it, got {type(record).__name__}",
                code="inputs_invalid",
                field=f"inputs.{index}",
            )
        names.update(dict.fromkeys(record))
    return {str(name): [record.get(name) for record in records] for name in names}


def check_unique(names: Sequence[str]) -> None:
    """Raises Invalid when two columns have one name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid(f"two columns are named {name!r}", code="inputs_invalid", field="inputs")
        seen.add(name)
