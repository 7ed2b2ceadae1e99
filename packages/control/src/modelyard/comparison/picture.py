"""A comparison as an SVG for people. It draws what the domain found and decides nothing.

Better is always to the right of the baseline and filled, worse to the left and hatched, each with a word and a sign, so
that no one needs the colours; they come in two sets, for a light and a dark background. Every text is escaped by the
XML library, and shortened ones carry the whole in a tooltip.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from modelyard.comparison.data import DataRow, DataVerdict
from modelyard.comparison.domain import Comparison, Difference, MetricRow
from modelyard.registry.domain import Version
from modelyard.registry.metrics import Direction, Verdict

_WIDTH = 960
_MARGIN = 32
_ROW = 24
_AXIS_LEFT, _AXIS_RIGHT = 250, 610
_CENTRE = (_AXIS_LEFT + _AXIS_RIGHT) / 2
_SAID = 634
_MOST_LISTED = 8
_MAX_CHANGES = 10
_MOST_ROWS = 60
"""Of metrics, and of differences; the rest is counted."""
_NICE = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_LINE, _LINE_OF_WARNING = 112, 106
"""Characters of a bold line across the sheet."""
_MOST_LINES = 6
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
"""Also what turns the order of the words round that follow."""
_SIGNS = {Verdict.BETTER: "▲ better", Verdict.WORSE: "▼ worse", Verdict.EQUAL: "= equal", Verdict.UNKNOWN: "? unknown"}
_BARS = (Verdict.BETTER, Verdict.WORSE)
_DIRECTIONS = {
    Direction.HIGHER: "higher is better",
    Direction.LOWER: "lower is better",
    Direction.UNKNOWN: "not comparable: no direction is declared",
}
_STYLE = """
svg { --paper: #ffffff; --ink: #1b1f24; --quiet: #57606a; --line: #d0d7de; --better: #0969da; --worse: #bc4c00; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d; --better: #58a6ff; --worse: #f0883e; }
}
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; fill: var(--ink); }
.paper { fill: var(--paper); }
.title { font-size: 20px; font-weight: 600; }
.head { font-weight: 600; }
.quiet { fill: var(--quiet); font-size: 12px; }
.number { font-variant-numeric: tabular-nums; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.line { stroke: var(--line); stroke-width: 1; }
.base { stroke: var(--quiet); stroke-width: 1.5; }
.better { fill: var(--better); }
.worse { fill: url(#hatch); stroke: var(--worse); stroke-width: 1.5; }
.hatch { stroke: var(--worse); stroke-width: 2; }
.dot { fill: var(--paper); stroke: var(--quiet); stroke-width: 1.5; }
text.better { fill: var(--better); font-weight: 600; }
text.worse { fill: var(--worse); stroke: none; font-weight: 600; }
"""


def picture(name: str, comparison: Comparison) -> str:
    """The SVG document."""
    sheet = _Sheet(f"{name}: {_listed(comparison.versions)}", comparison.recommendation)
    _head(sheet, name, comparison)
    _metrics(sheet, comparison)
    for title, differences in (
        ("Parameters that differ", comparison.parameters),
        ("Tags that differ", comparison.tags),
        ("Made of", [_in_words(fact) for fact in comparison.facts]),
        ("Data", [_shown(row) for row in comparison.data]),
    ):
        _differences(sheet, title, differences, comparison.versions)
    return sheet.document()


class _Sheet:
    """The document while it grows downwards: `y` is the baseline of the next line of text."""

    def __init__(self, title: str, description: str) -> None:
        self._root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "lang": "en"})
        SubElement(self._root, "title").text = _plain(title)
        SubElement(self._root, "desc").text = _plain(description)
        SubElement(self._root, "style").text = _STYLE
        pattern = SubElement(SubElement(self._root, "defs"), "pattern", {"id": "hatch", "width": "6", "height": "6"})
        pattern.attrib |= {"patternUnits": "userSpaceOnUse", "patternTransform": "rotate(45)"}
        SubElement(pattern, "line", {"class": "hatch", "x1": "0", "y1": "0", "x2": "0", "y2": "6"})
        self._paper = SubElement(self._root, "rect", {"class": "paper", "width": "100%", "height": "100%"})
        self.y = _MARGIN + 14.0

    def text(self, x: float, said: str, kind: str = "", *, most: int = 130) -> None:
        """One line of text at the height of now, cut to `most` characters."""
        whole = _plain(said)
        cut = _cut(whole, most)
        element = SubElement(self._root, "text", {"class": kind, "x": f"{x:g}", "y": f"{self.y:g}"})
        element.text = cut
        if cut != whole:
            SubElement(element, "title").text = whole

    def shape(self, tag: str, kind: str, **attributes: float) -> None:
        """A line, a rectangle or a circle."""
        numbers = {key: f"{value:.2f}".rstrip("0").rstrip(".") for key, value in attributes.items()}
        SubElement(self._root, tag, {"class": kind, **numbers})

    def rule(self) -> None:
        """A line across the sheet."""
        self.shape("line", "line", x1=_MARGIN, x2=_WIDTH - _MARGIN, y1=self.y - 16, y2=self.y - 16)

    def document(self) -> str:
        """What was drawn."""
        height = math.ceil(self.y)
        size = {"viewBox": f"0 0 {_WIDTH} {height}", "width": str(_WIDTH), "height": str(height)}
        self._root.attrib |= size
        return tostring(self._root, encoding="unicode")


def _head(sheet: _Sheet, name: str, comparison: Comparison) -> None:
    sheet.text(_MARGIN, f"{name}: {_listed(comparison.versions)}", "title", most=80)
    sheet.y += 28
    _paragraph(sheet, comparison.recommendation, "head", _LINE)
    for number, changes in comparison.breaking.items():
        warning = f"⚠ Version {number} breaks callers of {_first(comparison)}"
        for change in changes[:_MAX_CHANGES]:
            _paragraph(sheet, f"{warning}: {change}", "worse", _LINE_OF_WARNING)
        if len(changes) > _MAX_CHANGES:
            _paragraph(sheet, f"{warning} in {len(changes) - _MAX_CHANGES} more ways", "worse", _LINE_OF_WARNING)
    sheet.y += 14


def _paragraph(sheet: _Sheet, said: str, kind: str, width: int) -> None:
    for line in _wrapped(said, width):
        sheet.text(_MARGIN, line, kind, most=width)
        sheet.y += 19


def _metrics(sheet: _Sheet, comparison: Comparison) -> None:
    rows = comparison.metrics[:_MOST_ROWS]
    if not rows:
        sheet.text(_MARGIN, "The versions have no metrics.", "quiet")
        sheet.y += 2 * _ROW
        return
    gains = [abs(gain) for row in rows for gain in _gains(row)]
    largest = max((gain for gain in gains if math.isfinite(gain)), default=0.0)
    # The least nice number that holds every bar; what is longer than the last one is cut there.
    scale = next((nice for nice in _NICE if nice >= largest), _NICE[-1])
    end = f"{scale:g} %" + (" or more" if any(gain > scale for gain in gains) else "")
    sheet.text(_MARGIN, "Metrics", "head")
    sheet.text(_AXIS_LEFT, "← worse", "quiet")
    sheet.text(_CENTRE, f"version {_first(comparison)}", "quiet middle")
    sheet.text(_AXIS_RIGHT, "better →", "quiet end")
    sheet.y += 16
    for x, said in ((_AXIS_LEFT, end), (_CENTRE, "0"), (_AXIS_RIGHT, end)):
        sheet.text(x, said, "quiet middle number")
    sheet.y += 26
    for row in rows:
        _metric(sheet, row, comparison.versions, scale)
    if len(comparison.metrics) > len(rows):
        sheet.text(_MARGIN, f"and {len(comparison.metrics) - len(rows)} more metrics", "quiet")
        sheet.y += _ROW
    sheet.y += 12


def _metric(sheet: _Sheet, row: MetricRow, versions: Sequence[Version], scale: float) -> None:
    sheet.rule()
    sheet.text(_MARGIN, row.name, "head", most=28)
    tolerance = f", {row.tolerance * 100:g} % is no difference" if row.tolerance > 1e-6 else ""
    sheet.text(_SAID, _DIRECTIONS[row.direction] + tolerance, "quiet", most=58)
    top = sheet.y - 12
    for index, version in enumerate(versions):
        sheet.y += _ROW
        _value(sheet, row, index, version, scale)
    sheet.shape("line", "base", x1=_CENTRE, x2=_CENTRE, y1=top, y2=sheet.y + 4)
    sheet.y += _ROW + 8


def _value(sheet: _Sheet, row: MetricRow, index: int, version: Version, scale: float) -> None:
    value, verdict = row.values[index], row.verdicts[index]
    sheet.text(_MARGIN + 12, f"version {version.version}", "number")
    sheet.text(_MARGIN + 100, version.stage if version.stage != "none" else "", "quiet")
    if value is None:
        sheet.text(_SAID, "no value", "quiet")
        return
    sheet.text(_SAID + 70, f"{value:.6g}", "number end")
    if index == 0:
        sheet.text(_SAID + 86, "baseline", "quiet")
        return
    gain = _gain(row, index)
    middle = sheet.y - 4.5
    if verdict in _BARS:
        share = 0.0 if gain is None else min(1.0, abs(gain) / scale)
        length = max(3.0, share * (_AXIS_RIGHT - _CENTRE))
        left = _CENTRE if verdict is Verdict.BETTER else _CENTRE - length
        sheet.shape("rect", str(verdict), x=left, y=middle - 6, width=length, height=12)
    elif verdict is not Verdict.UNKNOWN:
        sheet.shape("circle", "dot", cx=_CENTRE, cy=middle, r=4.5)
    has_number = gain is not None and math.isfinite(gain) and verdict is not Verdict.EQUAL
    by = f" by {abs(gain):.3g} %" if gain is not None and has_number else ""
    sheet.text(_SAID + 86, _SIGNS[verdict] + by, str(verdict) if verdict in _BARS else "quiet")


def _gain(row: MetricRow, index: int) -> float | None:
    """By how many per cent of the baseline the value is better, negative when worse, infinite when no number holds it;
    None where that says nothing.
    """
    base, value = row.values[0], row.values[index]
    if base is None or value is None or not base or row.direction is Direction.UNKNOWN:
        return None
    change = (value - base) / abs(base) * 100
    return change if row.direction is Direction.HIGHER else -change


def _gains(row: MetricRow) -> list[float]:
    gains = [_gain(row, index) for index in range(1, len(row.values))]
    return [gain for gain in gains if gain is not None]


def _differences(sheet: _Sheet, title: str, differences: Sequence[Difference], versions: Sequence[Version]) -> None:
    if not differences:
        return
    sheet.text(_MARGIN, title, "head")
    width = (_WIDTH - _MARGIN - _AXIS_LEFT) / len(versions)
    columns = [_AXIS_LEFT + width * index for index in range(len(versions))]
    for x, version in zip(columns, versions, strict=True):
        sheet.text(x, f"v{version.version}" if width < 80 else f"version {version.version}", "quiet")
    sheet.y += _ROW
    for difference in differences[:_MOST_ROWS]:
        sheet.rule()
        sheet.text(_MARGIN, difference.name, most=26)
        for x, value in zip(columns, difference.values, strict=True):
            sheet.text(x, "—" if value is None else str(value), "number", most=max(4, int(width / 8.5)))
        sheet.y += _ROW
    if len(differences) > _MOST_ROWS:
        sheet.text(_MARGIN, f"and {len(differences) - _MOST_ROWS} more", "quiet")
        sheet.y += _ROW
    sheet.y += 16


def _in_words(fact: Difference) -> Difference:
    return Difference("size in bytes", fact.values) if fact.name == "size" else fact


def _shown(row: DataRow) -> Difference:
    sign = {DataVerdict.SAME: "=", DataVerdict.DIFFERENT: "≠", DataVerdict.UNKNOWN: "?"}[row.verdict]
    return Difference(f"{sign} {row.purpose}: {row.verdict}", row.texts)


def _first(comparison: Comparison) -> int:
    return comparison.versions[0].version


def _listed(versions: Sequence[Version]) -> str:
    if len(versions) > _MOST_LISTED:
        return f"{len(versions)} versions, {versions[0].version} to {versions[-1].version}"
    return f"versions {', '.join(str(version.version) for version in versions)}"


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words; what does not fit into the last one is left out, and a sign says so."""
    lines = [""]
    for word in text.split():
        if lines[-1] and _width(lines[-1]) + _width(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES - 1] = _cut(f"{lines[_MOST_LINES - 1]} {lines[_MOST_LINES]}", width)
    return lines[:_MOST_LINES]


def _cut(text: str, most: int) -> str:
    """As much of a text as is at most so wide."""
    if _width(text) <= most:
        return text
    end, width = 0, 1
    while (width := width + _width(text[end])) <= most:
        end += 1
    return text[:end] + "…"


def _width(text: str) -> int:
    """In characters as wide as most are; those of Chinese, Japanese and Korean are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return _UNPRINTABLE.sub("�", text)
