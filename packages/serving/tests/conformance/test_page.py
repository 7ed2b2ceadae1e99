"""The page of the documentation."""

import json
from pathlib import Path

from modelyard_serving.conformance.checks import CHECKS
from modelyard_serving.conformance.page import main, page, read
from modelyard_serving.conformance.report import Report
from modelyard_serving.conformance.suite import Outcome, Result

DOCS = Path(__file__).parents[4] / "docs"


def _report(label: str, outcome: Outcome) -> Report:
    results = tuple(Result(check.rule, outcome, "the reason", "GET / -> secret") for check in CHECKS)
    return Report(label=label, url="http://a", grpc=None, models=("m",), server="s 1", at="2026-01-01", results=results)


class TestPage:
    def test_what_is_committed_is_what_the_rules_and_results_give(self) -> None:
        assert (DOCS / "conformance.md").read_text() == page(read(DOCS / "conformance"))

    def test_it_lists_every_rule(self) -> None:
        text = page([])

        for check in CHECKS:
            assert f"| {check.rule.id} | {check.rule.title} | {check.rule.level} |" in text

    def test_it_shows_scores_and_why_a_must_failed(self) -> None:
        text = page([_report("good", Outcome.PASS), _report("bad", Outcome.FAIL)])

        musts = sum(check.rule.level == "must" for check in CHECKS)
        assert f"| all, must | {musts}/{musts} | 0/{musts} |" in text
        assert "<summary>bad</summary>" in text
        assert "<summary>good</summary>" not in text

    def test_kept_results_leave_the_servers_own_words_out(self, tmp_path: Path) -> None:
        result = tmp_path / "result.json"
        result.write_text(json.dumps(_report("A B", Outcome.FAIL).to_json()))

        main([str(tmp_path / "page"), str(result)])

        kept = (tmp_path / "page/a-b.json").read_text()
        assert "the reason" in kept
        assert "secret" not in kept
        assert "A B" in (tmp_path / "page.md").read_text()

    def test_results_of_one_label_are_merged_and_a_rule_has_to_hold_in_each(self, tmp_path: Path) -> None:
        outcomes = (Outcome.PASS, Outcome.FAIL, Outcome.SKIP)
        paths = [tmp_path / f"{outcome}.json" for outcome in outcomes]
        for path, outcome in zip(paths, outcomes, strict=True):
            path.write_text(json.dumps(_report("A", outcome).to_json()))

        main([str(tmp_path / "page"), *map(str, paths)])

        (merged,) = read(tmp_path / "page")
        assert {result.outcome for result in merged.results} == {Outcome.FAIL}
        assert merged.models == ("m", "m", "m")
