"""The three forms of a table in a file, by the name's ending: Parquet, CSV, Arrow IPC."""

from enum import StrEnum
from pathlib import Path

from modelyard_client.errors import Invalid


class TableFormat(StrEnum):
    """How a file holds a table."""

    PARQUET = "parquet"
    CSV = "csv"
    ARROW = "arrow"


_BY_SUFFIX = {
    ".parquet": TableFormat.PARQUET,
    ".pq": TableFormat.PARQUET,
    ".csv": TableFormat.CSV,
    ".arrow": TableFormat.ARROW,
    ".feather": TableFormat.ARROW,
    ".ipc": TableFormat.ARROW,
}


def part_format(form: TableFormat) -> TableFormat:
    """The form of the parts of an output. Those of Parquet are Arrow, so that each row is encoded once, at the end."""
    return TableFormat.ARROW if form is TableFormat.PARQUET else form


def table_format(file: Path) -> TableFormat:
    """The form of a file.

    Raises:
        Invalid: its ending is none that is known.
    """
    found = _BY_SUFFIX.get(file.suffix.lower())
    if found is None:
        expected = ", ".join(_BY_SUFFIX)
        raise Invalid(
            f"expected a file that ends in {expected}, got {file.name!r}", code="file_format_unknown", field="file"
        )
    return found
