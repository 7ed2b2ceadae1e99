"""The report of a compilation as we keep it. A process that ran a model's code wrote it: it is checked as input is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.errors import Invalid
from modelyard.plain import plain_json

SCHEMA = "modelyard.compilation/1"
_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """Whether a translation is used, and the whole document that says why."""

    document: Mapping[str, Any]

    @property
    def is_accepted(self) -> bool:
        return self.document["accepted"] is True

    @property
    def summary(self) -> str:
        """One sentence for people."""
        if not self.is_accepted:
            reasons = self.document.get("reasons") or ["there is no translation"]
            return f"not compiled: {reasons[-1]}"
        speed = self.document.get("speed") or [{}]
        rows = sum(count for count in (self.document.get("rows") or {}).values() if isinstance(count, int))
        return f"compiled: {rows} rows agree, one row is {speed[0].get('speed_up', '?')} times as fast"


def not_tried(reason: str) -> Report:
    """The report of a model whose translation was not tried to the end."""
    return Report({"schema": SCHEMA, "accepted": False, "computes_in": None, "reasons": [reason[:1000]]})


def read_report(path: Path) -> Report:
    """The report that a trial wrote.

    Raises:
        Invalid: code `report_invalid`, when it is none.
    """
    if path.is_symlink() or path.stat().st_size > _MAX_BYTES:
        raise Invalid("the trial's report is no file of a few kilobytes", code="report_invalid")
    try:
        document = plain_json(json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise Invalid("the trial's report is not JSON", code="report_invalid") from error
    if not _is_report(document):
        raise Invalid(f"the trial's report is not of the schema {SCHEMA}", code="report_invalid")
    return Report(document)


def _is_report(document: object) -> bool:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return False
    shapes = {"accepted": bool, "reasons": list, "rows": dict, "speed": list}
    if not all(isinstance(document.get(name), shape) for name, shape in shapes.items()):
        return False
    return all(isinstance(reason, str) for reason in document["reasons"]) and all(
        isinstance(speed, dict) for speed in document["speed"]
    )
