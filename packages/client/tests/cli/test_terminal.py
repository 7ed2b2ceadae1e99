from datetime import UTC, datetime, timedelta

import pytest

from modelyard_client.cli.terminal import age, clean, print_facts, shown, span


class TestClean:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain ä €", "plain ä €"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07after", "after"),
            ("10%\r20%", "10%20%"),
            ("bell\x07 \x9b31m", "bell 31m"),
            ("tab\tstays", "tab\tstays"),
        ],
    )
    def test_what_a_terminal_would_obey_is_taken_out(self, text: str, expected: str) -> None:
        assert clean(text) == expected


class TestShown:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [(None, "-"), (True, "yes"), (3, "3"), (0.123456789, "0.123457"), ([1, "a"], '[1, "a"]'), ("x", "x")],
    )
    def test_each_kind_of_value_has_its_form(self, value: object, expected: str) -> None:
        assert shown(value) == expected


class TestFacts:
    def test_every_fact_has_its_line_and_what_is_absent_has_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_facts({"approvers": ["bert"], "metrics": [], "tags": {}, "auto": False, "checks": (), "by": None, "n": 0})
        assert capsys.readouterr().out.splitlines() == ['approvers  ["bert"]', "auto       no", "n          0"]


class TestSpans:
    @pytest.mark.parametrize(
        ("seconds", "expected"),
        [(None, "-"), (0.04, "0.0s"), (3.21, "3.2s"), (75, "75s"), (125, "2m"), (7200, "2h"), (200_000, "2d")],
    )
    def test_a_span_is_in_its_largest_unit(self, seconds: float | None, expected: str) -> None:
        assert span(seconds) == expected

    def test_an_age_is_a_span_until_now(self) -> None:
        now = datetime(2026, 11, 21, 10, tzinfo=UTC)
        assert age(now - timedelta(hours=5), now=now) == "5h"
