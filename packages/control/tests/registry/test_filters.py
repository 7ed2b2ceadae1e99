"""Filters as people write them."""

import pytest

from modelyard.errors import Invalid
from modelyard.registry.search.filters import (
    MAX_FILTERS,
    Comparison,
    MetricFilter,
    TagFilter,
    VersionOrder,
    parse_metrics,
    parse_tags,
    parse_version_order,
)


class TestTags:
    def test_the_key_ends_at_the_first_colon(self) -> None:
        assert parse_tags(["team:fraud", "at:12:30", "empty:"]) == (
            TagFilter("team", "fraud"),
            TagFilter("at", "12:30"),
            TagFilter("empty", ""),
        )

    @pytest.mark.parametrize("text", ["team", ":fraud", ""])
    def test_what_is_none_is_quoted_as_it_came(self, text: str) -> None:
        with pytest.raises(Invalid, match="expected a key, a colon and a value") as raised:
            parse_tags([text])
        assert (raised.value.code, raised.value.field) == ("tag_invalid", "tag")

    def test_there_is_an_end_to_how_many(self) -> None:
        with pytest.raises(Invalid, match="at most 10, got 11"):
            parse_tags(["a:b"] * (MAX_FILTERS + 1))


class TestMetrics:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("accuracy>=0.9", MetricFilter("accuracy", Comparison.AT_LEAST, 0.9)),
            ("val/loss < 1e-3", MetricFilter("val/loss", Comparison.BELOW, 0.001)),
            ("steps==10", MetricFilter("steps", Comparison.EQUAL, 10)),
            ("steps=10", MetricFilter("steps", Comparison.EQUAL, 10)),
            ("gain!=-1", MetricFilter("gain", Comparison.OTHER, -1)),
            ("f1 score<=1", MetricFilter("f1 score", Comparison.AT_MOST, 1)),
        ],
    )
    def test_a_name_a_comparison_and_a_number(self, text: str, expected: MetricFilter) -> None:
        assert parse_metrics([text]) == (expected,)

    @pytest.mark.parametrize(
        "text",
        ["accuracy", "accuracy>=", ">=1", "accuracy>=high", "a>=nan", "a>inf", "a=>1", "a>1>2", "x" * 251 + ">1"],
    )
    def test_what_is_none_is_quoted_as_it_came(self, text: str) -> None:
        with pytest.raises(Invalid, match="expected a name") as raised:
            parse_metrics([text])
        assert (raised.value.code, raised.value.field) == ("metric_invalid", "metric")


class TestOrder:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("version", VersionOrder(is_descending=False)),
            ("-version", VersionOrder()),
            ("metrics.val/auc", VersionOrder(metric="val/auc", is_descending=False)),
            ("-metrics.auc", VersionOrder(metric="auc")),
        ],
    )
    def test_by_number_or_by_a_metric(self, text: str, expected: VersionOrder) -> None:
        assert parse_version_order(text) == expected

    @pytest.mark.parametrize("text", ["", "name", "metrics.", "-", "--version"])
    def test_no_other(self, text: str) -> None:
        with pytest.raises(Invalid, match="order: expected version"):
            parse_version_order(text)
