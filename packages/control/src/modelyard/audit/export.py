"""The log as files: JSON Lines, which anybody can verify by the hashes, and CSV, which a spreadsheet can open. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum

from modelyard.audit.domain import Entry, canonical_json

_COLUMNS = (
    *("tenant_id", "sequence", "at", "actor", "action", "subject", "reason"),
    *("before", "after", "previous_hash", "hash"),
)
_BLOCK = 64 * 1024
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class ExportFormat(StrEnum):
    """How the log is written."""

    JSONL = "jsonl"
    CSV = "csv"


def export(entries: Iterable[Entry], form: ExportFormat) -> Iterator[bytes]:
    """The file in blocks, as the entries come."""
    lines = _json_lines(entries) if form is ExportFormat.JSONL else _csv_lines(entries)
    block: list[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield "".join(block).encode()
            block, size = [], 0
    yield "".join(block).encode()


def _json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Each line without its `hash` is, with sorted keys, exactly what the hash is over."""
    for entry in entries:
        yield canonical_json({**entry.fields, "hash": entry.hash}) + "\n"


def _csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    yield _csv_line(_COLUMNS)
    for entry in entries:
        fields = {**entry.fields, "hash": entry.hash}
        yield _csv_line([_cell(fields[column]) for column in _COLUMNS])


def _cell(value: object) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe stands before what would begin one."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
