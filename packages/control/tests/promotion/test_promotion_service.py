"""Promotion on a real database: who may do what, which evidence counts, and who wins when two come at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from audit_chain import assert_chain_holds
from promotion_yard import ANNA, BERT, CARL, MODEL, Yard
from sqlalchemy import update

from modelyard.errors import Conflict, Forbidden, Invalid, ModelyardError, Precondition
from modelyard.principals import Principal, Role
from modelyard.promotion.policy import Baseline, Evidence, MetricRequirement, Policy
from modelyard.promotion.states import RequestStatus
from modelyard.registry.metrics import Direction, MetricRule
from modelyard.registry.states import Stage
from modelyard.registry.tables import versions


class TestClaims:
    """Metrics that a caller gave count only where the policy says so."""

    RULE = Policy(metrics=(MetricRequirement(metric="auc", direction=Direction.HIGHER, threshold=0.8),))

    def test_a_claim_meets_no_policy_that_wants_measured_metrics(self, yard: Yard) -> None:
        version = yard.claim(run=True, auc=0.95)
        yard.policies.put(BERT, MODEL, self.RULE, revision=None)
        (finding,) = yard.policies.findings(BERT, version)
        assert not finding.is_met
        assert finding.message == (
            "metric 'auc': expected a measured value, got 0.95 as a claim only: its run did not log it. Register a "
            "version of a run that logs 'auc', or accept claims in the model's policy (evidence: claimed)"
        )
        request = yard.ask(yard.promotion.change_stage(ANNA, version, Stage.STAGING, comment="go", revision=None))
        with pytest.raises(Conflict, match="a claim only"):
            yard.approve(request)

    def test_of_a_version_without_a_run_it_says_that_there_is_none(self, yard: Yard) -> None:
        version = yard.claim(run=False, auc=0.95)
        yard.policies.put(BERT, MODEL, self.RULE, revision=None)
        (finding,) = yard.policies.findings(BERT, version)
        assert "got 0.95 as a claim only: it has no run" in finding.message

    def test_a_claim_does_not_stand_over_a_worse_value_that_was_measured(self, yard: Yard) -> None:
        run = yard.tracking.log_run("churn", metrics={"auc": 0.5})
        logged = yard.tracking.log_model(run, "model", {"MLmodel": b"x"})
        version = yard.registry.register(ANNA, model_name=MODEL, logged=logged, metrics={"auc": 0.95})
        for evidence in Evidence:
            yard.policies.put(BERT, MODEL, replace(self.RULE, evidence=evidence), revision=None)
            (finding,) = yard.policies.findings(BERT, version)
            assert (finding.is_met, finding.message) == (False, "metric 'auc': expected at least 0.8, got 0.5")

    def test_a_policy_that_accepts_claims_says_what_it_took(self, yard: Yard) -> None:
        version = yard.claim(run=False, auc=0.95)
        yard.policies.put(BERT, MODEL, replace(self.RULE, evidence=Evidence.CLAIMED), revision=None)
        (finding,) = yard.policies.findings(BERT, version)
        assert finding.is_met
        assert finding.message == "metric 'auc': expected at least 0.8, got 0.95, which is claimed and not measured"

    def test_a_claim_sends_nothing_to_staging_by_itself(self, yard: Yard) -> None:
        yard.register()
        yard.policies.put(BERT, MODEL, replace(self.RULE, auto_staging=True), revision=None)
        assert yard.claim(run=True, auc=0.95).stage is Stage.NONE
        yard.policies.put(BERT, MODEL, replace(self.RULE, auto_staging=True, evidence=Evidence.CLAIMED), revision=None)
        assert yard.claim(run=True, auc=0.95).stage is Stage.STAGING


class TestStages:
    def test_a_version_goes_to_staging_without_approval(self, yard: Yard) -> None:
        assert yard.stage().stage is Stage.STAGING

    def test_production_needs_a_request(self, yard: Yard) -> None:
        version = yard.stage()
        with pytest.raises(Invalid, match="approved request"):
            yard.promotion.change_stage(BERT, version, Stage.PRODUCTION, comment="now", revision=None)

    def test_a_transition_that_the_table_does_not_have_is_refused_and_says_which_there_are(self, yard: Yard) -> None:
        with pytest.raises(Conflict, match="can go to staging, not to archived"):
            yard.promotion.change_stage(ANNA, yard.register(), Stage.ARCHIVED, comment="no", revision=None)

    def test_a_stale_revision_is_refused(self, yard: Yard) -> None:
        version = yard.stage()
        with pytest.raises(Precondition, match="If-Match"):
            yard.promotion.change_stage(ANNA, version, Stage.NONE, comment="back", revision=version.revision - 1)

    def test_of_two_that_move_what_both_have_read_the_second_is_reported(self, yard: Yard) -> None:
        read = yard.register()
        yard.promotion.change_stage(ANNA, read, Stage.STAGING, comment="ready", revision=None)
        with pytest.raises(Precondition, match="changed by somebody else"):
            yard.promotion.change_stage(BERT, read, Stage.STAGING, comment="ready too", revision=None)


class TestRequests:
    def test_the_approval_promotes_and_archives_the_former(self, yard: Yard) -> None:
        former = yard.promote()
        version = yard.promote()
        assert yard.stage_of(version) is Stage.PRODUCTION
        assert yard.stage_of(former) is Stage.ARCHIVED

    def test_the_requester_does_not_approve(self, yard: Yard) -> None:
        version = yard.stage()
        request = yard.promotion.request(BERT, version, comment="mine")
        with pytest.raises(Forbidden, match="does not approve"):
            yard.approve(request, by=BERT)

    def test_two_needed_approvals_are_two_people(self, yard: Yard) -> None:
        version = yard.stage()
        yard.policies.put(BERT, MODEL, Policy(needed_approvals=2), revision=0)
        request = yard.ask(version)
        yard.approve(request)
        assert yard.stage_of(version) is Stage.STAGING
        with pytest.raises(Forbidden, match="approved already"):
            yard.approve(request)
        assert yard.approve(request, by=CARL).status is RequestStatus.APPROVED
        assert yard.stage_of(version) is Stage.PRODUCTION

    def test_an_approver_whom_the_policy_does_not_name_is_refused(self, yard: Yard) -> None:
        version = yard.stage()
        yard.policies.put(BERT, MODEL, Policy(approvers=("carl",)), revision=None)
        with pytest.raises(Forbidden, match="does not name"):
            yard.approve(yard.ask(version))

    @pytest.mark.parametrize("approvers", [("carl",), ("carl", "carl")])
    def test_a_policy_that_needs_more_approvals_than_may_be_given_is_refused(
        self, yard: Yard, approvers: tuple[str, ...]
    ) -> None:
        with pytest.raises(Invalid, match="at least the 2 whose approvals are needed, got 1") as caught:
            yard.policies.put(BERT, MODEL, Policy(needed_approvals=2, approvers=approvers), revision=None)
        assert caught.value.code == "approvers_too_few"

    def test_an_unmet_policy_is_reported_and_blocks_the_approval(self, yard: Yard) -> None:
        version = yard.stage(auc=0.7)
        requirement = MetricRequirement(metric="auc", direction=Direction.HIGHER, threshold=0.8)
        yard.policies.put(BERT, MODEL, Policy(metrics=(requirement,)), revision=None)
        request = yard.ask(version)
        assert [finding.message for finding in request.findings] == ["metric 'auc': expected at least 0.8, got 0.7"]
        with pytest.raises(Conflict, match=r"at least 0\.8"):
            yard.approve(request)

    def test_a_version_worse_than_production_is_found_out(self, yard: Yard) -> None:
        yard.promote(loss=0.2)
        requirement = MetricRequirement(metric="loss", direction=Direction.LOWER, baseline=Baseline.PRODUCTION)
        worse = yard.stage(loss=0.3)
        yard.policies.put(BERT, MODEL, Policy(metrics=(requirement,)), revision=None)
        (finding,) = yard.policies.findings(ANNA, worse)
        assert not finding.is_met

    def test_a_requirement_takes_its_direction_from_the_declared_rule(self, yard: Yard) -> None:
        version = yard.stage(warmth=3.0)
        requirement = MetricRequirement(metric="warmth", threshold=2.0)
        rules = {"warmth": MetricRule(Direction.LOWER)}
        yard.policies.put(BERT, MODEL, Policy(metrics=(requirement,), metric_rules=rules), revision=None)
        (finding,) = yard.policies.findings(ANNA, version)
        assert finding.message == "metric 'warmth': expected at most 2, got 3"

    def test_a_requirement_whose_direction_nobody_knows_is_refused(self, yard: Yard) -> None:
        yard.register()
        policy = Policy(metrics=(MetricRequirement(metric="warmth", threshold=2.0),))
        with pytest.raises(Invalid, match=r"metrics\.0\.direction: expected higher or lower"):
            yard.policies.put(BERT, MODEL, policy, revision=None)

    def test_a_loss_within_the_declared_tolerance_is_none(self, yard: Yard) -> None:
        yard.promote(auc=0.900)
        candidate = yard.stage(auc=0.897)
        requirement = MetricRequirement(metric="auc", baseline=Baseline.PRODUCTION)
        strict, lenient = Policy(metrics=(requirement,)), MetricRule(Direction.HIGHER, tolerance=0.01)
        yard.policies.put(BERT, MODEL, strict, revision=None)
        assert not yard.policies.findings(ANNA, candidate)[0].is_met
        yard.policies.put(BERT, MODEL, replace(strict, metric_rules={"auc": lenient}), revision=None)
        assert yard.policies.findings(ANNA, candidate)[0].is_met

    def test_changed_evidence_expires_the_request(self, yard: Yard) -> None:
        version = yard.stage()
        request = yard.ask(version)
        yard.policies.record_check(ANNA, version, name="bias-review", is_passed=True, details="")
        found = yard.promotion.get(ANNA, MODEL, request.request_id)
        assert (found.status, found.reason) == (RequestStatus.EXPIRED, "the evidence has changed since it was made")
        with pytest.raises(Conflict, match=r"has been expired since .* UTC: the evidence has changed"):
            yard.approve(request)

    def test_time_expires_the_request_and_the_expiry_is_kept(self, yard: Yard) -> None:
        request = yard.ask(yard.stage())
        yard.clock.sleep(15 * 24 * 3600)
        with pytest.raises(Conflict, match="expired"):
            yard.approve(request)
        assert yard.promotion.get(ANNA, MODEL, request.request_id).status is RequestStatus.EXPIRED

    @pytest.mark.parametrize("verb", ["reject", "withdraw"])
    def test_a_request_that_has_expired_unnoticed_is_neither_rejected_nor_withdrawn(
        self, yard: Yard, verb: str
    ) -> None:
        request = yard.ask(yard.stage())
        yard.clock.sleep(15 * 24 * 3600)
        decide = partial(getattr(yard.promotion, verb), ANNA, MODEL, request.request_id, comment="", revision=None)
        reported = (
            f"the request has been expired since {request.expires_at:%Y-%m-%d %H:%M} UTC: nobody decided it in time"
        )
        for _ in range(2):
            with pytest.raises(Conflict) as refused:
                decide()
            assert (refused.value.code, refused.value.message) == ("request_closed", reported)
        assert yard.promotion.get(ANNA, MODEL, request.request_id).status is RequestStatus.EXPIRED

    def test_evidence_that_changed_unnoticed_is_reported_to_who_rejects(self, yard: Yard) -> None:
        version = yard.stage()
        request = yard.ask(version)
        with yard.database.write() as connection:
            is_it = versions.c.version == version.version
            connection.execute(update(versions).where(is_it).values(tags={"changed": "behind the back"}))
        with pytest.raises(Conflict, match=r"expired since .* the evidence has changed since it was made"):
            yard.promotion.reject(BERT, MODEL, request.request_id, comment="no", revision=None)

    def test_who_decides_after_a_decision_is_reported_whose_it_was_and_why(self, yard: Yard) -> None:
        request = yard.ask(yard.stage())
        yard.promotion.reject(BERT, MODEL, request.request_id, comment="biased", revision=None)
        for verb in (yard.promotion.approve, yard.promotion.reject, yard.promotion.withdraw):
            with pytest.raises(Conflict, match=r"was rejected by bert at .* UTC: biased$"):
                verb(ANNA, MODEL, request.request_id, comment="", revision=None)

    def test_a_version_that_left_staging_since_it_was_read_is_not_asked_into_production(self, yard: Yard) -> None:
        read = yard.stage()
        yard.promotion.change_stage(ANNA, read, Stage.NONE, comment="back", revision=None)
        with pytest.raises(Conflict, match="only a version in staging"):
            yard.ask(read)

    def test_the_request_stands_on_the_version_as_it_is_now(self, yard: Yard) -> None:
        read = yard.stage()
        yard.tag(read, reviewed="yes")
        assert yard.approve(yard.ask(read)).status is RequestStatus.APPROVED

    def test_another_tag_expires_the_request_at_once(self, yard: Yard) -> None:
        version = yard.stage()
        request = yard.ask(version)
        yard.tag(version, reviewed="no")
        assert yard.promotion.get(ANNA, MODEL, request.request_id).status is RequestStatus.EXPIRED

    def test_another_version_in_production_expires_the_other_requests_at_once(self, yard: Yard) -> None:
        first, second = yard.stage(), yard.stage()
        wins, loses = yard.ask(first), yard.ask(second)
        yard.approve(wins)
        assert yard.promotion.get(ANNA, MODEL, loses.request_id).status is RequestStatus.EXPIRED

    def test_another_policy_expires_the_requests_at_once(self, yard: Yard) -> None:
        request = yard.ask(yard.stage())
        yard.policies.put(BERT, MODEL, Policy(needed_approvals=2), revision=None)
        assert yard.promotion.get(ANNA, MODEL, request.request_id).status is RequestStatus.EXPIRED

    def test_an_overdue_request_of_a_deleted_version_holds_up_nothing(self, yard: Yard) -> None:
        """A deletion waits for open requests, and not for overdue ones that nobody has looked at since."""
        gone, stays = yard.stage(), yard.stage()
        overdue = yard.ask(gone)
        yard.clock.sleep(15 * 24 * 3600)
        with yard.database.write() as connection:
            is_gone = versions.c.version == gone.version
            connection.execute(update(versions).where(is_gone).values(deleted_at=yard.clock.now()))
        with pytest.raises(Conflict, match="the version is deleted"):
            yard.approve(overdue)
        assert yard.approve(yard.ask(stays)).status is RequestStatus.APPROVED

    def test_a_page_of_requests_tells_who_approved_each(self, yard: Yard) -> None:
        staged = [yard.stage() for _ in range(3)]
        yard.policies.put(BERT, MODEL, Policy(needed_approvals=2), revision=None)
        asked = [yard.ask(version) for version in staged]
        yard.approve(asked[0])
        yard.approve(asked[2], by=CARL)
        page = yard.promotion.page(ANNA, model_name=MODEL)
        approvers = {item.version: [given.subject for given in item.approvals] for item in page.items}
        assert approvers == {1: ["bert"], 2: [], 3: ["carl"]}

    def test_only_the_requester_withdraws(self, yard: Yard) -> None:
        request = yard.ask(yard.stage())
        with pytest.raises(Forbidden):
            yard.promotion.withdraw(BERT, MODEL, request.request_id, comment="", revision=None)
        withdrawn = yard.promotion.withdraw(ANNA, MODEL, request.request_id, comment="later", revision=None)
        assert (withdrawn.status, withdrawn.reason) == (RequestStatus.WITHDRAWN, "later")

    def test_a_rejected_request_leaves_the_version_in_staging(self, yard: Yard) -> None:
        version = yard.stage()
        request = yard.ask(version)
        yard.promotion.reject(BERT, MODEL, request.request_id, comment="no", revision=None)
        assert yard.stage_of(version) is Stage.STAGING

    def test_asking_twice_is_one_request(self, yard: Yard) -> None:
        version = yard.stage()
        assert yard.ask(version).request_id == yard.ask(version).request_id


class TestRecord:
    def test_the_audit_log_tells_every_step_to_production_and_who_took_it(self, yard: Yard) -> None:
        version = yard.stage()
        yard.policies.put(CARL, MODEL, Policy(checks=("bias",)), revision=None)
        yard.policies.record_check(ANNA, version, name="bias", is_passed=True, details="by the book")
        yard.approve(yard.ask(version))
        log = yard.audit.entries("acme")
        assert [(entry.action, entry.actor, entry.reason) for entry in log][3:] == [
            ("policy.changed", "carl", ""),
            ("check.recorded", "anna", "by the book"),
            ("request.requested", "anna", "please"),
            ("request.approval_given", "bert", "yes"),
            ("request.approved", "bert", "yes"),
            ("version.production", "bert", "please"),
        ]


class TestRollback:
    def test_the_former_comes_back_and_the_present_one_is_archived(self, yard: Yard) -> None:
        former, present = yard.promote(), yard.promote()
        assert yard.promotion.rollback(BERT, MODEL, comment="it misbehaves").version == former.version
        assert yard.stage_of(present) is Stage.ARCHIVED

    def test_of_two_that_go_back_at_once_the_second_is_reported(self, yard: Yard) -> None:
        former = yard.promote()
        yard.promote()
        seen = yard.registry.model(ANNA, MODEL).revision
        assert yard.promotion.rollback(BERT, MODEL, comment="errors", revision=seen).version == former.version
        with pytest.raises(Precondition, match="If-Match"):
            yard.promotion.rollback(CARL, MODEL, comment="errors", revision=seen)
        assert yard.stage_of(former) is Stage.PRODUCTION

    def test_without_a_former_there_is_nothing_to_roll_back_to(self, yard: Yard) -> None:
        yard.promote()
        with pytest.raises(Conflict, match="in production before"):
            yard.promotion.rollback(BERT, MODEL, comment="")


class TestManyAtOnce:
    def test_of_64_that_approve_at_once_one_version_is_in_production_and_the_chain_holds(self, yard: Yard) -> None:
        requests = [yard.ask(yard.stage()) for _ in range(8)]

        def approve(attempt: int) -> str:
            approver = Principal(tenant_id="acme", subject=f"approver-{attempt}", role=Role.APPROVER)
            try:
                return yard.approve(requests[attempt % len(requests)], by=approver).status
            except ModelyardError as exc:
                return exc.code

        with ThreadPoolExecutor(64) as pool:
            outcomes = list(pool.map(approve, range(64)))
        stages = [version.stage for version in yard.registry.versions(ANNA, MODEL)]
        assert stages.count(Stage.PRODUCTION) == 1
        assert outcomes.count("approved") == 1
        assert set(outcomes) <= {"approved", "request_closed", "evidence_changed"}
        assert_chain_holds(yard.audit.entries("acme"))
