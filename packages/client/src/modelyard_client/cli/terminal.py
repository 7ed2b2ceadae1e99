"""What goes to stdout: tables for people, JSON for programs. Nothing else may write there.

Text that comes from a server is never read as markup, and its control characters do not reach the terminal.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
_WIDE = 10_000

Row = Sequence[object]


def print_json(value: object) -> None:
    """One JSON document. Dataclasses become objects, times ISO 8601."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=2, ensure_ascii=False) + "\n")


def print_json_line(value: object) -> None:
    """One JSON document on a line of its own, at once: for answers that come one after the other."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Columns under their names. Without a terminal no line is folded or cut, so that programs can read it too."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    if console.is_terminal:
        console.print(table)
        return
    console.width = _WIDE
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print_line(line.rstrip())


def print_facts(facts: Mapping[str, object]) -> None:
    """One thing, a fact a line; facts that are absent are left out."""
    known = {name: shown(value) for name, value in facts.items() if not _is_absent(value)}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        print_line(f"{name:<{width}}  {value}")


def print_line(text: str) -> None:
    """One line of text, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line for the person who waits, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def is_watched() -> bool:
    """Whether a person sees stderr, so that it may move."""
    return sys.stderr.isatty()


def shown(value: object) -> str:
    """A value as a cell of a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping | list | tuple):
        return clean(json.dumps(value, default=_plain, ensure_ascii=False))
    return clean(str(value))


def format_pairs(values: Mapping[str, object]) -> str:
    """Names with their values in one cell."""
    return ", ".join(f"{name}={shown(value)}" for name, value in values.items())


def clean(text: str) -> str:
    """Text without what a terminal would obey."""
    return _CONTROL.sub("", _ESCAPE.sub("", text))


def age(moment: datetime | None, *, now: datetime | None = None) -> str:
    """How long ago, in its largest unit: `45s`, `12m`, `3h`, `9d`."""
    return "-" if moment is None else span(((now or datetime.now(UTC)) - moment).total_seconds())


def span(seconds: float | None) -> str:
    """A length of time in its largest unit."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size * 2:
            return f"{int(seconds // size)}{unit}"
    return f"{max(seconds, 0):.1f}s" if seconds < 10 else f"{int(seconds)}s"


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str | Mapping | list | tuple) and not value)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no JSON form")
