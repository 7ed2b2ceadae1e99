"""What is made of versions side by side."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelyard.comparison.domain import Comparison, breaking_changes, compare
from modelyard.registry.domain import Dataset, Version
from modelyard.registry.metrics import Direction, MetricRule, Verdict, rule_for, verdict
from modelyard.registry.states import Stage


def version(number: int, metrics: Mapping[str, float], signature: Mapping[str, Any] | None = None) -> Version:
    return Version(
        tenant_id="acme",
        model_name="churn",
        version=number,
        stage=Stage.NONE,
        model_uri="models:/m-1",
        artifact_uri="file:///m-1",
        run_id=None,
        experiment_name=None,
        description="",
        tags={},
        metrics=metrics,
        parameters={"C": str(number)},
        signature=signature,
        manifest_digest="0" * 64,
        size=1,
        lock_digest=None,
        job_id=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="anna",
        revision=1,
    )


class TestCompare:
    def test_a_version_that_is_better_everywhere_is_recommended_in_the_contracts_words(self) -> None:
        found = compare([version(3, {"auc": 0.9, "loss": 0.1}), version(2, {"auc": 0.8, "loss": 0.2})], {})
        assert found.recommendation == "Version 3 shows improvement across all metrics"
        assert found.recommended == 3

    def test_a_trade_off_is_not_comparable_and_says_what_to_weigh(self) -> None:
        found = compare([version(2, {"auc": 0.8, "loss": 0.1}), version(3, {"auc": 0.9, "loss": 0.2})], {})
        assert found.recommended is None
        assert found.recommendation.startswith("not comparable: no version is at least as good in every metric")

    def test_versions_without_a_common_metric_are_not_comparable(self) -> None:
        found = compare([version(1, {"auc": 0.8}), version(2, {"loss": 0.2})], {})
        assert found.recommendation == "not comparable: the versions share no metric"

    def test_a_metric_of_unknown_direction_decides_nothing_until_it_is_declared(self) -> None:
        versions = [version(1, {"temperature": 1.0}), version(2, {"temperature": 2.0})]
        assert compare(versions, {}).recommended is None
        assert compare(versions, {"temperature": MetricRule(Direction.HIGHER)}).recommended == 2

    def test_better_in_one_and_equal_in_the_rest_names_the_one(self) -> None:
        found = compare([version(1, {"auc": 0.8, "f1": 0.7}), version(2, {"auc": 0.9, "f1": 0.7})], {})
        assert found.recommendation == "Version 2 shows improvement in auc and no loss elsewhere"

    def test_an_older_version_that_is_best_remains(self) -> None:
        found = compare([version(1, {"auc": 0.9}), version(2, {"auc": 0.8})], {})
        assert (found.recommended, found.recommendation) == (
            1,
            "Version 1 remains the best: no later version improves on it",
        )

    def test_equal_versions_are_reported_to_be_equal(self) -> None:
        found = compare([version(1, {"auc": 0.9}), version(2, {"auc": 0.9})], {})
        assert found.recommendation == "Versions 1 and 2 are equal within the tolerance across all metrics"

    def test_a_value_that_is_not_finite_decides_nothing(self) -> None:
        assert compare([version(1, {"auc": math.nan}), version(2, {"auc": 0.9})], {}).recommended is None

    def test_a_metric_that_one_version_lacks_decides_nothing_and_that_is_said(self) -> None:
        found = compare([version(1, {"auc": 0.8, "f1": 0.7}), version(2, {"auc": 0.9})], {})
        assert found.recommendation == "Version 2 shows improvement across all comparable metrics"
        assert "f1 decides nothing: not every version has a value" in found.reasons

    def test_what_they_were_made_of_is_listed_where_it_differs(self) -> None:
        found = compare([version(1, {}), replace(version(2, {}), size=7, lock_digest="a" * 64)], {})
        assert {fact.name: fact.values for fact in found.facts} == {
            "environment": (None, "a" * 64),
            "size": ("1", "7"),
        }

    def test_differing_parameters_are_listed(self) -> None:
        (difference,) = compare([version(1, {}), version(2, {})], {}).parameters
        assert (difference.name, difference.values) == ("C", ("1", "2"))

    def test_a_breaking_change_is_named_in_the_recommendation(self) -> None:
        old = {"inputs": [{"name": "age", "type": "long", "required": True}]}
        new = {"inputs": [{"name": "age", "type": "double", "required": True}]}
        found = compare([version(1, {"auc": 0.8}, old), version(2, {"auc": 0.9}, new)], {})
        assert found.breaking == {2: ("input 'age' changed from long to double",)}
        assert "breaks callers" in found.recommendation


def on_data(version: Version, *data: tuple[str | None, str]) -> Version:
    """The version with data, each for a purpose and with a digest."""
    datasets = [Dataset("churn", digest, "local", "churn.csv", context) for context, digest in data]
    return replace(version, datasets=tuple(datasets))


class TestData:
    BETTER = (version(1, {"auc": 0.8}), version(2, {"auc": 0.9}))

    def compared(self, *data: tuple[tuple[str | None, str], ...]) -> Comparison:
        return compare([on_data(one, *used) for one, used in zip(self.BETTER, data, strict=True)], {})

    def test_the_same_data_by_its_digest_is_said_to_be_the_same(self) -> None:
        found = self.compared((("test", "a1"), ("train", "b1")), (("testing", "a1"), ("training", "b1")))
        assert [(row.purpose, row.verdict) for row in found.data] == [("test", "same"), ("training", "same")]
        assert found.recommendation == "Version 2 shows improvement across all metrics"
        assert not any("data" in reason for reason in found.reasons)

    @pytest.mark.parametrize("context", ["test", "validation", "eval"])
    def test_figures_of_different_data_are_not_comparable(self, context: str) -> None:
        found = self.compared(((context, "a1"),), ((context, "a2"),))
        assert (found.recommended, found.data[0].verdict) == (None, "different")
        assert found.recommendation == (
            "not comparable: the versions were evaluated on different data: "
            "churn (a1) in version 1, churn (a2) in version 2"
        )

    def test_one_of_several_that_was_evaluated_on_other_data_makes_all_of_them_not_comparable(self) -> None:
        versions = [on_data(version(number, {"auc": 0.8}), ("test", digest)) for number, digest in enumerate("aab", 1)]
        assert compare(versions, {}).recommended is None

    @pytest.mark.parametrize("context", ["training", "other", None])
    def test_other_data_than_the_evaluations_may_differ_and_that_is_a_reason(self, context: str | None) -> None:
        found = self.compared(((context, "a1"),), ((context, "a2"),))
        assert found.recommended == 2
        assert found.reasons[-1].endswith(": churn (a1) in version 1, churn (a2) in version 2")

    @pytest.mark.parametrize("other", [(), (("training", "a1"),)])
    def test_what_only_some_recorded_is_unknown_and_that_is_a_reason(self, other: tuple[tuple[str, str], ...]) -> None:
        found = self.compared((("test", "a1"),), other)
        assert found.recommended == 2
        assert {row.verdict for row in found.data} == {"unknown"}
        assert "only some versions recorded their test data, so the figures may be of different data" in found.reasons

    def test_the_order_in_which_a_run_reported_of_its_data_says_nothing(self) -> None:
        found = self.compared((("test", "a1"), ("test", "a2")), (("test", "a2"), ("test", "a1")))
        assert [row.verdict for row in found.data] == ["same"]


class TestBreakingChanges:
    BEFORE: Mapping[str, Any] = {"inputs": [{"name": "age", "type": "long", "required": True}]}

    def test_a_new_optional_input_breaks_nobody(self) -> None:
        after = {"inputs": [*self.BEFORE["inputs"], {"name": "city", "type": "string", "required": False}]}
        assert breaking_changes(self.BEFORE, after) == ()

    def test_a_new_required_input_breaks(self) -> None:
        after = {"inputs": [*self.BEFORE["inputs"], {"name": "city", "type": "string"}]}
        assert breaking_changes(self.BEFORE, after) == ("input 'city' is new and required",)

    def test_an_optional_input_that_becomes_required_breaks(self) -> None:
        before = {"inputs": [{"name": "age", "type": "long", "required": False}]}
        assert breaking_changes(before, self.BEFORE) == ("input 'age' was optional and is required now",)

    def test_a_tensor_of_another_shape_breaks(self) -> None:
        before = {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 30]}}]}
        after = {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 31]}}]}
        (change,) = breaking_changes(before, after)
        assert change == "input '0' changed from float64[-1, 30] to float64[-1, 31]"

    @pytest.mark.parametrize(
        ("before", "after", "reported"),
        [
            (
                {"type": "array", "items": {"type": "string"}},
                {"type": "array", "items": {"type": "double"}},
                "from array of string to array of double",
            ),
            (
                {"type": "map", "values": {"type": "long"}},
                {"type": "map", "values": {"type": "array", "items": {"type": "long"}}},
                "from map of long to map of array of long",
            ),
            (
                {"type": "object", "properties": {"x": {"type": "long", "required": False}}},
                {"type": "object", "properties": {"x": {"type": "long", "required": True}}},
                "from object {x?: long} to object {x: long}",
            ),
            (
                {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": 3}},
                {"type": "tensor", "tensor-spec": {"dtype": "float64"}},
                "from float643 to float64[]",
            ),
        ],
    )
    def test_another_type_of_what_is_held_inside_breaks(
        self, before: Mapping[str, Any], after: Mapping[str, Any], reported: str
    ) -> None:
        changes = breaking_changes({"inputs": [{"name": "a", **before}]}, {"inputs": [{"name": "a", **after}]})
        assert changes == (f"input 'a' changed {reported}",)

    def test_types_inside_of_types_are_reported_as_deep_as_anybody_reads(self) -> None:
        def nested(depth: int) -> dict[str, Any]:
            item: dict[str, Any] = {"type": "long"}
            for _ in range(depth):
                item = {"type": "array", "items": item}
            return {"inputs": [{"name": "a", **item}]}

        assert breaking_changes(nested(800), nested(900)) == ()
        assert len(breaking_changes(nested(3), nested(4))) == 1


class TestMetricRules:
    @pytest.mark.parametrize(
        ("name", "direction"),
        [
            ("val_accuracy", Direction.HIGHER),
            ("test/roc_auc", Direction.HIGHER),
            ("training_log_loss", Direction.LOWER),
            ("f1_loss", Direction.LOWER),
            ("rmse", Direction.LOWER),
            ("temperature", Direction.UNKNOWN),
        ],
    )
    def test_a_metrics_name_tells_which_way_is_better(self, name: str, direction: Direction) -> None:
        assert rule_for(name, {}).direction is direction

    def test_a_difference_within_the_tolerance_is_none(self) -> None:
        assert verdict(100.0, 100.5, MetricRule(Direction.HIGHER, tolerance=0.01)) is Verdict.EQUAL

    def test_infinity_is_not_better_than_anything(self) -> None:
        assert verdict(1.0, float("inf"), MetricRule(Direction.HIGHER)) is Verdict.UNKNOWN
