"""Writes the page of the documentation that lists every rule and what came of it for some servers.

`python -m modelyard_serving.conformance.page FOLDER [RESULT.json …]` keeps new results in the folder, without the
servers' own words, which may hold anything, and writes the page beside it, `FOLDER.md`. Results of one label are
merged.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from modelyard_serving.conformance.checks import GROUPS
from modelyard_serving.conformance.report import Report, Score, from_json
from modelyard_serving.conformance.rules import Group, Level, Transport
from modelyard_serving.conformance.suite import Outcome, Result
from modelyard_serving.conformance.table import TITLES

MARKS = {Outcome.PASS: "✓", Outcome.FAIL: "**✗**", Outcome.SKIP: "·"}
INTRODUCTION = Path(__file__).with_name("page.md")


def main(arguments: Sequence[str]) -> int:
    """Keep the results that are given and write the page; the exit code."""
    folder, *results = map(Path, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    reports: dict[str, Report] = {}
    for path in results:
        report = from_json(json.loads(path.read_text()))
        reports[report.label] = reports[report.label].merged(report) if report.label in reports else report
    for report in reports.values():
        _keep(report, folder)
    folder.with_suffix(".md").write_text(page(read(folder)))
    return 0


def read(folder: Path) -> list[Report]:
    """The stored results, ours first and the others by name."""
    reports = [from_json(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
    return sorted(reports, key=lambda report: not report.label.startswith("modelyard"))


def page(reports: Sequence[Report]) -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION.read_text().rstrip(), _runs(reports), _scores(reports)]
    parts += ["## The rules", *(_rules(group, reports) for group in GROUPS)]
    parts += ["## Why a MUST failed", *(_reasons(report) for report in reports if not report.is_conformant)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _keep(report: Report, folder: Path) -> None:
    kept = replace(report, results=tuple(replace(result, evidence="") for result in report.results))
    name = report.label.lower().replace(" ", "-")
    text = json.dumps(kept.to_json(), indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n")


def _runs(reports: Iterable[Report]) -> str:
    rows = [[r.label, r.server, r.at[:10], ", ".join(r.models), "yes" if r.is_conformant else "no"] for r in reports]
    return _table(["run", "server says", "date", "models", "no MUST fails"], rows)


def _scores(reports: Sequence[Report]) -> str:
    rows = []
    for transport in Transport:
        for level in Level:
            scores = [str(report.scores()[transport, level]) for report in reports]
            if any(score != "-" for score in scores):
                rows.append([f"{TITLES[transport]}, {level}", *scores])
    for level in Level:
        whole = [Score.of(result for result in report.results if result.rule.level is level) for report in reports]
        rows.append([f"all, {level}", *map(str, whole)])
    return "## Scores\n\nRules kept, of those that could be asked.\n\n" + _table(["", *_labels(reports)], rows)


def _rules(group: Group, reports: Sequence[Report]) -> str:
    found = [{result.rule.id: result for result in report.results} for report in reports]
    rows = [
        [check.rule.id, check.rule.title, check.rule.level, *(_mark(results.get(check.rule.id)) for results in found)]
        for check in group.checks
    ]
    title = f"### {TITLES[group.transport]}: {group.title}\n\nPart of the protocol: {group.section}.\n\n"
    return title + _table(["rule", "", "level", *_labels(reports)], rows)


def _mark(result: Result | None) -> str:
    return MARKS[result.outcome] if result else ""


def _reasons(report: Report) -> str:
    failed = [r for r in report.results if r.outcome is Outcome.FAIL and r.rule.level is Level.MUST]
    lines = [f"- {result.rule.id} {result.rule.title}: {result.reason}" for result in failed]
    return f"<details><summary>{report.label}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def _labels(reports: Iterable[Report]) -> list[str]:
    return [report.label for report in reports]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
