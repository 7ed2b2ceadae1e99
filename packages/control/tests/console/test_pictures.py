"""What pictures show: where lines and bars are, and what is said in words beside them."""

import pytest

from modelyard.console.pictures.evidence import BOTTOM, RIGHT, TOP, evidence_picture
from modelyard.console.pictures.steps import stairs
from modelyard.console.rollout_forms import rollout_of
from modelyard.errors import Invalid


class TestEvidence:
    def test_a_line_that_decides_ends_above_its_bound(self) -> None:
        found = evidence_picture(
            {
                "guardrail": "errors",
                "worse_bound": 2.0,
                "not_worse_bound": 1.6,
                "points": [
                    {"requests": 40, "worse": 0.5, "not_worse": -3.0},
                    {"requests": 90, "worse": 9.0, "not_worse": -9.0},
                ],
            }
        )
        assert found is not None
        worse, not_worse = found.curves
        assert worse.is_decided
        assert not not_worse.is_decided
        assert worse.end == pytest.approx((RIGHT, TOP))
        assert not_worse.end == pytest.approx((RIGHT, BOTTOM))
        assert TOP < worse.bound < not_worse.bound < BOTTOM
        assert found.description.endswith("100% of what 'worse' needs and 0% of what 'not worse' needs")
        assert found.requests[-1].text == "90"

    def test_there_is_none_before_the_first_look(self) -> None:
        bounds = {"worse_bound": 2.0, "not_worse_bound": 1.6}
        assert evidence_picture({"guardrail": "errors", **bounds, "points": []}) is None


class TestStairs:
    def test_a_step_without_a_share_of_its_own_keeps_the_one_before(self) -> None:
        steps = [{"shadow": 50.0}, {"weight": 10.0}, {"analysis": {"seconds": 60, "min_requests": 1}}, {"full": True}]
        titles = ["shadow 50 %", "weight 10 %", "analysis", "full"]
        found = stairs({"plan": {"steps": steps}, "steps": titles, "step": 2, "status": "running"})
        assert [stair.state for stair in found] == ["done", "done", "current", "ahead"]
        assert found[1].height == found[2].height < found[3].height
        assert found[2].title == "analysis: 10 % of the requests"


class TestFormsOfRollouts:
    def test_shares_become_steps_that_are_each_held_until_the_analysis_agrees(self) -> None:
        form = {
            "name": "churn",
            "version": "",
            "shares": "5 %, 50",
            "min_requests": "200",
            "shadow": "20",
            "warm_seconds": "",
        }
        assert rollout_of(form) == {
            "name": "churn",
            "plan": {
                "steps": [
                    {"shadow": 20.0},
                    {"analysis": {"min_requests": 200}},
                    {"weight": 5.0},
                    {"analysis": {"min_requests": 200}},
                    {"weight": 50.0},
                    {"analysis": {"min_requests": 200}},
                    {"full": True},
                ]
            },
        }

    def test_without_any_field_of_a_plan_the_models_own_counts(self) -> None:
        assert rollout_of({"name": "churn", "version": "3", "shares": " "}) == {"name": "churn", "version": 3}

    @pytest.mark.parametrize(
        ("form", "field"),
        [
            ({"version": "-1"}, "version"),
            ({"shares": "5, x"}, "shares"),
            ({"shadow": "10"}, "shares"),
            ({"shares": "inf"}, "shares"),
        ],
    )
    def test_what_is_no_number_is_refused_by_its_name(self, form: dict[str, str], field: str) -> None:
        with pytest.raises(Invalid) as refused:
            rollout_of({"name": "churn", **form})
        assert refused.value.field == field
