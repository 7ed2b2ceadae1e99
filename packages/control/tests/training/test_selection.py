"""Which of several logged models is meant, and what is said of those that are not."""

import math

import pytest

from modelyard.errors import Invalid
from modelyard.ports.tracking import LoggedModel
from modelyard.registry.metrics import Direction, MetricRule
from modelyard.registry.selection import BestOf, Candidate, parse_best_of, select_model


def logged(name: str = "model", run: str = "r1", number: int = 1, **metrics: float) -> Candidate:
    model_id = f"m-{run}-{name}-{number}"
    model = LoggedModel(model_id, name, run, f"models:/{model_id}", f"mlflow-artifacts:/{model_id}", "iris")
    return Candidate(model, metrics)


ACCURACY = parse_best_of("accuracy", {})


class TestWithoutAMetric:
    def test_the_only_one_needs_no_name(self) -> None:
        selection = select_model([logged()])
        assert (selection.chosen, list(selection.others)) == (logged(), [])

    def test_the_named_one_is_chosen_and_the_others_fail(self) -> None:
        selection = select_model([logged("a"), logged("b")], logged_model="b")
        assert selection.chosen == logged("b")
        assert selection.summary == "chosen: 'b' of run r1; not chosen: 'a' of run r1"

    @pytest.mark.parametrize("name", [None, "model"])
    def test_a_model_that_its_run_logged_again_is_the_newest(self, name: str | None) -> None:
        assert select_model([logged(number=1), logged(number=2)], logged_model=name).chosen == logged(number=2)

    @pytest.mark.parametrize("name", [None, "model"])
    def test_models_of_two_runs_are_several_and_never_the_last(self, name: str | None) -> None:
        with pytest.raises(Invalid, match=r"several models.*'model' of run r1, 'model' of run r2") as caught:
            select_model([logged(run="r1"), logged(run="r2")], logged_model=name)
        assert (caught.value.code, caught.value.field) == ("several_models_logged", "logged_model")

    @pytest.mark.parametrize("name", ["r2/model", "m-r2-model-1"])
    def test_the_run_or_the_id_tells_models_of_one_name_apart(self, name: str) -> None:
        assert select_model([logged(run="r1"), logged(run="r2")], logged_model=name).chosen == logged(run="r2")

    def test_none_is_reported_with_what_to_call(self) -> None:
        with pytest.raises(Invalid, match="log_model") as caught:
            select_model([])
        assert caught.value.code == "no_model_logged"

    def test_a_name_that_was_not_logged_lists_those_that_were(self) -> None:
        with pytest.raises(Invalid, match=r"no model 'c' among .*: 'a' of run r1, 'b' of run r1") as caught:
            select_model([logged("a"), logged("b")], logged_model="c")
        assert caught.value.code == "logged_model_not_found"


class TestBestOf:
    def test_the_best_of_several_runs_is_chosen_wherever_it_stands(self) -> None:
        models = [logged(run="r1", accuracy=0.8), logged(run="r2", accuracy=0.9), logged(run="r3", accuracy=0.7)]
        selection = select_model(models, best_of=ACCURACY)
        assert selection.chosen == models[1]
        assert selection.summary == (
            "chosen by accuracy (higher is better): 'model' of run r2 (0.9); not chosen: 'model' of run r1 (0.8), "
            "'model' of run r3 (0.7)"
        )
        assert selection.to_json()["chosen"]["value"] == 0.9

    def test_a_loss_is_better_lower_and_a_word_before_it_decides(self) -> None:
        models = [logged(run="r1", rmse=2.0), logged(run="r2", rmse=1.0), logged(run="r3", rmse=3.0)]
        assert select_model(models, best_of=parse_best_of("rmse", {})).chosen == models[1]
        assert select_model(models, best_of=parse_best_of("max:rmse", {})).chosen == models[2]

    def test_a_model_without_the_metric_or_without_a_finite_value_is_not_the_best(self) -> None:
        models = [logged(run="r1", accuracy=0.1), logged(run="r2"), logged(run="r3", accuracy=math.nan)]
        selection = select_model(models, best_of=ACCURACY)
        assert selection.chosen == models[0]
        assert "'model' of run r2 (no accuracy), 'model' of run r3 (no accuracy)" in selection.summary

    def test_of_equal_ones_the_newest_is_chosen(self) -> None:
        models = [logged(number=1, accuracy=0.9), logged(number=2, accuracy=0.9)]
        assert select_model(models, best_of=ACCURACY).chosen == models[1]

    def test_each_checkpoint_of_one_run_is_a_candidate(self) -> None:
        models = [logged(number=1, accuracy=0.9), logged(number=2, accuracy=0.5)]
        assert select_model(models, best_of=ACCURACY).chosen == models[0]

    def test_a_metric_that_none_has_is_refused_with_those_that_they_have(self) -> None:
        with pytest.raises(Invalid, match="none of the models has the metric 'accuracy'; they have f1") as caught:
            select_model([logged(f1=0.5)], best_of=ACCURACY)
        assert (caught.value.code, caught.value.field) == ("best_of_missing", "best_of")


class TestParseBestOf:
    def test_what_the_policy_declares_goes_before_what_the_name_says(self) -> None:
        rules = {"accuracy": MetricRule(Direction.LOWER), "odd:name": MetricRule(Direction.HIGHER)}
        assert parse_best_of("accuracy", rules).rule.direction is Direction.LOWER
        assert parse_best_of("odd:name", rules) == BestOf("odd:name", rules["odd:name"])

    @pytest.mark.parametrize("text", ["", " ", "min:", "warmth", "max: x"])
    def test_what_names_no_metric_with_a_direction_is_refused(self, text: str) -> None:
        with pytest.raises(Invalid, match="best_of: expected"):
            parse_best_of(text, {})
