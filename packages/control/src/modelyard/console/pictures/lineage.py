"""The way of a version, as boxes from what it was made of to where it serves. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

BOX_WIDTH, BOX_HEIGHT = 200, 44
_COLUMN, _ROW = 252, 60
_LONGEST = 26


@dataclass(frozen=True, slots=True)
class Box:
    """Something on the way: what it is, its name, and the page about it."""

    x: int
    y: int
    kind: str
    name: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """From the right side of one box to the left side of another."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class LineagePicture:
    """The picture, as large as it needs to be."""

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[Line]


def lineage_picture(lineage: Mapping[str, Any]) -> LineagePicture:
    """Boxes of a version's lineage as the API has it, in five columns from left to right."""
    columns = [column for column in _columns(lineage) if column]
    height = max(len(column) for column in columns) * _ROW
    placed = [
        [
            Box(number * _COLUMN + 2, round((height - len(column) * _ROW) / 2) + row * _ROW + 8, kind, _cut(name), path)
            for row, (kind, name, path) in enumerate(column)
        ]
        for number, column in enumerate(columns)
    ]
    lines = [
        Line(left.x + BOX_WIDTH, left.y + BOX_HEIGHT // 2, right.x, right.y + BOX_HEIGHT // 2)
        for before, after in pairwise(placed)
        for left in before
        for right in after
    ]
    width = (len(columns) - 1) * _COLUMN + BOX_WIDTH + 4
    return LineagePicture(width, height + 8, [box for column in placed for box in column], lines)


_Item = tuple[str, str, str | None]
"""What it is, its name, and the page about it."""


def _columns(lineage: Mapping[str, Any]) -> list[list[_Item]]:
    version, job, run = lineage["version"], lineage["job"], lineage["run"]
    name = version["name"]
    made_of: list[_Item] = [("data", data["name"], None) for data in (run or {}).get("data", [])[:4]]
    if lineage["script"] is not None:
        made_of.append(("script", lineage["script"]["name"] or lineage["script"]["sha256"][:12], None))
    if lineage["parent_version"] is not None:
        parent = lineage["parent_version"]
        made_of.append(("retrained from", f"{name} {parent}", f"/models/{name}/versions/{parent}"))
    ran: list[_Item] = []
    if job is not None:
        ran.append(("job", job["kind"].replace("_", " "), f"/jobs/{job['job_id']}"))
    if run is not None:
        ran.append(("run", run["run_id"][:12], None))
    itself: list[_Item] = [("version", f"{name} {version['version']}", f"/models/{name}/versions/{version['version']}")]
    became: list[_Item] = [] if lineage["image"] is None else [("bundle", lineage["image"]["runtime"], None)]
    became += [
        ("retrained as", f"{one['name']} {one['version']}", f"/models/{one['name']}/versions/{one['version']}")
        for one in lineage["retrained_as"][:3]
    ]
    serves: list[_Item] = [
        ("deployment", f"{one['target']}, {one['status']}", f"/deployments/{one['deployment_id']}")
        for one in lineage["deployments"][:5]
    ]
    return [made_of, ran, itself, became, serves]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
