"""Staging by the model's rule: what moves a version without a person, and what does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from promotion_yard import ANNA, BERT, MODEL, Yard
from sqlalchemy import Connection

from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.promotion.policy import MetricRequirement, Policy
from modelyard.registry.domain import Version
from modelyard.registry.metrics import Direction
from modelyard.registry.states import Stage


class TestAutomaticStaging:
    RULE = Policy(
        metrics=(MetricRequirement(metric="auc", direction=Direction.HIGHER, threshold=0.8),), auto_staging=True
    )

    def test_a_version_that_meets_the_rule_is_in_staging_when_it_is_registered(self, yard: Yard) -> None:
        yard.register()
        yard.policies.put(BERT, MODEL, self.RULE, revision=None)
        version = yard.register(auc=0.9)
        assert version.stage is Stage.STAGING
        last = yard.audit.entries("acme", subject=version.subject)[-1]
        assert (last.actor, last.action, last.reason) == ("policy", "version.staging", "the model's policy is met")
        assert last.after == {
            "stage": "staging",
            "policy_revision": 1,
            "findings": ["metric 'auc': expected at least 0.8, got 0.9"],
        }

    def test_a_version_that_does_not_meet_it_stays(self, yard: Yard) -> None:
        yard.register()
        yard.policies.put(BERT, MODEL, self.RULE, revision=None)
        assert yard.register(auc=0.7).stage is Stage.NONE

    def test_without_the_rule_nothing_moves_by_itself(self, yard: Yard) -> None:
        yard.register()
        yard.policies.put(BERT, MODEL, replace(self.RULE, auto_staging=False), revision=None)
        assert yard.register(auc=0.9).stage is Stage.NONE

    def test_the_check_that_was_missing_moves_it(self, yard: Yard) -> None:
        yard.register()
        yard.policies.put(BERT, MODEL, replace(self.RULE, checks=("bias",)), revision=None)
        version = yard.register(auc=0.9)
        yard.policies.record_check(ANNA, version, name="bias", is_passed=False, details="")
        assert yard.stage_of(version) is Stage.NONE
        yard.policies.record_check(ANNA, version, name="bias", is_passed=True, details="")
        assert yard.stage_of(version) is Stage.STAGING

    def test_the_tag_that_was_missing_moves_it(
        self, sqlite_control_plane: ControlPlane, log_model: Callable[..., LoggedModel]
    ) -> None:
        control = sqlite_control_plane
        control.registry.register(ANNA, model_name=MODEL, logged=log_model())
        rule = Policy(tags={"reviewed": "yes"}, auto_staging=True)
        control.policies.put(BERT, MODEL, rule, revision=None)
        control.registry_parts.editing.edit_version(
            ANNA, MODEL, 1, description=None, tags={"reviewed": "no"}, revision=None
        )
        assert control.registry.version(ANNA, MODEL, 1).stage is Stage.NONE
        edited = control.registry_parts.editing.edit_version(
            ANNA, MODEL, 1, description=None, tags={"reviewed": "yes"}, revision=None
        )
        assert edited.stage is Stage.STAGING

    def test_what_a_person_took_back_stays_where_they_put_it(self, yard: Yard) -> None:
        yard.register()
        yard.policies.put(BERT, MODEL, self.RULE, revision=None)
        version = yard.register(auc=0.9)
        yard.promotion.change_stage(ANNA, version, Stage.NONE, comment="it smells", revision=None)
        yard.policies.record_check(ANNA, version, name="smell", is_passed=True, details="")
        assert yard.stage_of(version) is Stage.NONE

    def test_a_registration_that_breaks_off_leaves_neither_version_nor_move(
        self, yard: Yard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        yard.register()
        yard.policies.put(BERT, MODEL, self.RULE, revision=None)
        before = yard.audit.entries("acme")

        apply = yard.auto_staging.apply

        def crash(connection: Connection, version: Version) -> Version:
            apply(connection, version)
            raise RuntimeError("the power went")

        monkeypatch.setattr(yard.auto_staging, "apply", crash)
        with pytest.raises(RuntimeError):
            yard.register(auc=0.9)
        assert [version.version for version in yard.registry.versions(ANNA, MODEL)] == [1]
        assert yard.audit.entries("acme") == before
