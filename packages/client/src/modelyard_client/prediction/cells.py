"""Text cells to values: by the datatype that the model declares, else by what all cells of the column look like."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelyard_client.errors import Invalid

_TRUTHS = {"true": True, "false": False, "1": True, "0": False}
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)")
"""Without zeros in front: what has them is a code, not a count."""
_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|nan|NaN")


def typed(columns: Mapping[str, Sequence[str | None]], datatypes: Mapping[str, str]) -> dict[str, list[Any]]:
    """Columns of values.

    Args:
        datatypes: of the Open Inference Protocol by column (`FP64`, `INT64`, `BOOL`, `BYTES`, …).

    Raises:
        Invalid: a cell is not of its column's datatype; the message names column and row, which count from 1.
    """
    return {name: _column(name, cells, datatypes.get(name)) for name, cells in columns.items()}


def _column(name: str, cells: Sequence[str | None], datatype: str | None) -> list[Any]:
    if datatype is None:
        return _inferred(cells)
    parse, expected = _parser(datatype)
    values = []
    for row, cell in enumerate(cells, start=1):
        try:
            values.append(None if cell is None else parse(cell))
        except (ValueError, KeyError) as error:
            raise Invalid(
                f"column {name!r}, row {row}: expected {expected} ({datatype}), got {cell!r}",
                code="cell_invalid",
                field=name,
            ) from error
    return values


def _parser(datatype: str) -> tuple[Callable[[str], Any], str]:
    if datatype.startswith(("INT", "UINT")):
        return _whole, "a whole number"
    if datatype.startswith(("FP", "BF")):
        return _number, "a number"
    if datatype == "BOOL":
        return _truth, "true or false"
    return str, "text"


def _inferred(cells: Sequence[str | None]) -> list[Any]:
    present = [cell for cell in cells if cell is not None]
    if all(_NUMBER.fullmatch(cell) for cell in present):
        parse = int if all(_WHOLE.fullmatch(cell) for cell in present) else float
        return [None if cell is None else parse(cell) for cell in cells]
    if all(cell.lower() in {"true", "false"} for cell in present):
        return [None if cell is None else _truth(cell) for cell in cells]
    return list(cells)


def _whole(cell: str) -> int:
    number = _number(cell)
    if not number.is_integer():
        raise ValueError(cell)
    return int(cell) if _WHOLE.fullmatch(cell) else int(number)  # Tools that know only floats write 3.0.


def _number(cell: str) -> float:
    if "_" in cell:  # a notation of Python only.
        raise ValueError(cell)
    return float(cell)


def _truth(cell: str) -> bool:
    return _TRUTHS[cell.strip().lower()]
