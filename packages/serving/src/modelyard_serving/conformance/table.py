"""Prints a report for people: what failed and why, then the score. Rich makes it prettier and is not needed."""

import sys
from importlib.util import find_spec

from modelyard_serving.conformance.report import Report, Score
from modelyard_serving.conformance.rules import Level, Transport
from modelyard_serving.conformance.suite import Outcome, Result

TITLES = {Transport.REST: "REST", Transport.BINARY: "Binary tensors", Transport.GRPC: "gRPC"}
SIGNS = {Outcome.PASS: "ok", Outcome.FAIL: "FAIL", Outcome.SKIP: "skip"}
COLOURS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.SKIP: "dim"}


def print_report(report: Report, *, is_verbose: bool) -> None:
    """Print the results that a reader wants (all when verbose, else failures) and the score table."""
    shown = [result for result in report.results if is_verbose or result.outcome is Outcome.FAIL]
    rows = [_row(result) for result in shown]
    print_table = _print_rich if find_spec("rich") and sys.stdout.isatty() else _print_plain
    if rows:
        print_table(["rule", "level", "", "what"], rows)
    print_table(["", *Level, "skipped"], _score_rows(report))
    verdict = "conformant: no MUST fails" if report.is_conformant else "not conformant: a MUST fails"
    sys.stdout.write(f"{report.label}: {verdict}\n")


def _row(result: Result) -> list[str]:
    what = result.rule.title + "".join(f"\n  {line}" for line in (result.reason, result.evidence) if line)
    return [result.rule.id, result.rule.level, SIGNS[result.outcome], what]


def _score_rows(report: Report) -> list[list[str]]:
    scores = report.scores()
    rows = []
    for transport in Transport:
        of_transport = [scores[transport, level] for level in Level]
        skipped = sum(score.skipped for score in of_transport)
        rows.append([TITLES[transport], *map(str, of_transport), str(skipped)])
    whole = [Score.of(result for result in report.results if result.rule.level is level) for level in Level]
    return [*rows, ["all", *map(str, whole), str(sum(score.skipped for score in whole))]]


def _print_plain(header: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    for row in [header, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        sys.stdout.write("  ".join([*cells, row[-1]]).rstrip() + "\n")
    sys.stdout.write("\n")


def _print_rich(header: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - optional.
    from rich.table import Table  # noqa: PLC0415 - optional.
    from rich.text import Text  # noqa: PLC0415 - optional.

    colours = {SIGNS[outcome]: colour for outcome, colour in COLOURS.items()}
    table = Table(*header)
    for row in rows:
        table.add_row(*(Text(cell, style=colours.get(cell, "")) for cell in row))
    Console().print(table)
