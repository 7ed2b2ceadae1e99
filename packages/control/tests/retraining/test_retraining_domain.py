"""By which rule a retrained version goes to staging."""

import pytest

from modelyard.comparison.domain import Standing
from modelyard.retraining.domain import Beside, StageRule, decide

ALONE = Beside()
STAGING = {
    StageRule.NEVER: set[Standing](),
    StageRule.BETTER: {Standing.BETTER},
    StageRule.NOT_WORSE: {Standing.BETTER, Standing.EQUAL},
    StageRule.ALWAYS: set(Standing),
}


class TestDecide:
    @pytest.mark.parametrize("rule", StageRule)
    @pytest.mark.parametrize("standing", Standing)
    def test_a_rule_looks_at_how_the_version_stands_beside_production(
        self, rule: StageRule, standing: Standing
    ) -> None:
        decision = decide(rule, Beside(2, standing), unmet=[])
        assert decision.is_staged == (standing in STAGING[rule])
        assert str(rule) in decision.reason

    @pytest.mark.parametrize("rule", [StageRule.BETTER, StageRule.NOT_WORSE])
    def test_without_a_version_in_production_the_policy_alone_counts(self, rule: StageRule) -> None:
        assert decide(rule, ALONE, unmet=[]).is_staged
        refused = decide(rule, ALONE, unmet=["check 'bias': failed"])
        assert (refused.is_staged, refused.reason) == (
            False,
            "the model's policy is not met: check 'bias': failed",
        )

    def test_a_version_that_breaks_callers_is_looked_at_by_a_person(self) -> None:
        broken = Beside(1, Standing.BETTER, ["input 'age' is gone"])
        assert decide(StageRule.BETTER, broken, unmet=[]).reason == (
            "it breaks callers of production: input 'age' is gone"
        )
        assert decide(StageRule.ALWAYS, broken, unmet=["anything"]).is_staged
