"""The life cycle of a deployment (docs/architecture/02-life-cycles.md), and the decisions from the desired and the
observed state."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise, product

import pytest
from reconciling import some_spec

from modelyard.deployments.domain import FAILED_TO_START, Action, Decision, Deployment
from modelyard.deployments.domain import decide as decide_by_spec
from modelyard.deployments.states import TRANSITIONS, DeploymentStatus, DesiredState
from modelyard.ports.target import DEFAULT_RESOURCES, ReplicaObservation, ServerObservation, ServerState

S = DeploymentStatus
SPEC = some_spec(replicas=2)
decide = partial(decide_by_spec, desired=SPEC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = Deployment(
    deployment_id="dep-1",
    tenant_id="default",
    namespace="default",
    model_name="iris",
    version=1,
    target="fake",
    replicas=2,
    resources=DEFAULT_RESOURCES,
    autoscaling=None,
    generation=1,
    desired_state=DesiredState.RUNNING,
    status=S.PENDING,
    reason=None,
    url=None,
    ready_replicas=0,
    job_id=None,
    created_by="alice",
    created_at=NOW,
    updated_at=NOW,
)


def wanted(status: DeploymentStatus, *, reason: str | None = None) -> Deployment:
    return replace(WANTED, status=status, reason=reason)


def leaving(status: DeploymentStatus) -> Deployment:
    return replace(WANTED, status=status, desired_state=DesiredState.STOPPED)


def observed(
    state: ServerState,
    *,
    replicas: int = 2,
    reason: str | None = None,
    last_exit: str | None = None,
    fingerprint: str = SPEC.fingerprint,
) -> ServerObservation:
    seen = [
        ReplicaObservation(
            index=index, state="ready", pid=1, restarts=0, rss_bytes=1, last_exit=last_exit, started_at=NOW
        )
        for index in range(replicas)
    ]
    return ServerObservation(state, url="http://127.0.0.1:8100", reason=reason, replicas=seen, fingerprint=fingerprint)


class TestTransitions:
    def test_the_table_knows_every_status(self) -> None:
        assert TRANSITIONS.keys() == set(DeploymentStatus)

    def test_the_way_of_the_design_is_allowed(self) -> None:
        way = [S.PENDING, S.STARTING, S.READY, S.DEGRADED, S.READY, S.DEGRADED, S.DRAINING, S.STOPPED]
        assert all(after in TRANSITIONS[before] for before, after in pairwise(way))

    def test_it_fails_from_anywhere_but_its_end(self) -> None:
        assert {status for status in S if S.FAILED in TRANSITIONS[status]} == set(S) - {S.FAILED, S.STOPPED}

    def test_it_leaves_from_anywhere(self) -> None:
        assert {status for status in S if S.DRAINING in TRANSITIONS[status]} == set(S) - {S.DRAINING, S.STOPPED}

    def test_what_is_stopped_stays_stopped(self) -> None:
        assert TRANSITIONS[S.STOPPED] == frozenset()
        assert {status for status in S if S.STOPPED in TRANSITIONS[status]} == {S.DRAINING}


class TestDecide:
    def test_whatever_is_seen_the_table_is_kept(self) -> None:
        deployments = [wanted(status) for status in set(S) - {S.DRAINING, S.STOPPED}]
        deployments += [leaving(status) for status in set(S) - {S.STOPPED}]
        for deployment, state, replicas in product(deployments, ServerState, (0, 1, 2, 3)):
            decision = decide(deployment, observed(state, replicas=replicas))
            assert decision.status in TRANSITIONS[deployment.status] | {deployment.status}, (deployment.status, state)

    def test_what_leaves_is_never_started_and_what_stays_never_removed(self) -> None:
        for status, state in product(set(S) - {S.STOPPED, S.DRAINING}, ServerState):
            assert decide(leaving(status), observed(state)).action is not Action.APPLY
            assert decide(wanted(status), observed(state)).action is not Action.REMOVE

    @pytest.mark.parametrize("status", [S.PENDING, S.STARTING])
    def test_one_that_is_not_there_yet_is_started(self, status: DeploymentStatus) -> None:
        decision = decide(wanted(status), ServerObservation(ServerState.ABSENT))
        assert decision == Decision(Action.APPLY, S.STARTING, None)

    @pytest.mark.parametrize("status", [S.READY, S.DEGRADED])
    def test_one_that_vanished_is_started_again_and_says_so(self, status: DeploymentStatus) -> None:
        decision = decide(wanted(status), ServerObservation(ServerState.ABSENT))
        assert decision == Decision(Action.APPLY, S.DEGRADED, "its server is gone and is being started again")

    def test_a_failed_one_that_vanished_is_started_again_and_keeps_its_reason(self) -> None:
        decision = decide(wanted(S.FAILED, reason="boom"), ServerObservation(ServerState.ABSENT))
        assert decision == Decision(Action.APPLY, S.FAILED, "boom")

    @pytest.mark.parametrize("status", [S.STARTING, S.READY, S.DEGRADED, S.FAILED])
    def test_when_all_replicas_answer_it_is_ready(self, status: DeploymentStatus) -> None:
        decision = decide(wanted(status, reason="old"), observed(ServerState.READY))
        assert decision == Decision(Action.NONE, S.READY, None)

    @pytest.mark.parametrize("status", [S.PENDING, S.STARTING, S.READY, S.DEGRADED, S.FAILED])
    def test_when_none_can_start_it_has_failed(self, status: DeploymentStatus) -> None:
        assert decide(wanted(status), observed(ServerState.FAILED)) == Decision(Action.NONE, S.FAILED, FAILED_TO_START)

    def test_until_all_were_ready_once_it_is_starting(self) -> None:
        for state in (ServerState.STARTING, ServerState.DEGRADED):
            assert decide(wanted(S.STARTING), observed(state)).status is S.STARTING

    @pytest.mark.parametrize("state", [ServerState.STARTING, ServerState.DEGRADED, ServerState.DRAINING])
    def test_once_it_was_ready_anything_less_is_degraded(self, state: ServerState) -> None:
        assert decide(wanted(S.READY), observed(state)).status is S.DEGRADED

    def test_a_failed_one_that_tries_again_has_still_failed(self) -> None:
        assert decide(wanted(S.FAILED), observed(ServerState.STARTING)).status is S.FAILED
        assert decide(wanted(S.FAILED), observed(ServerState.DEGRADED)).status is S.DEGRADED

    @pytest.mark.parametrize(
        ("replicas", "action"), [(0, Action.NONE), (1, Action.APPLY), (2, Action.NONE), (3, Action.APPLY)]
    )
    def test_another_number_of_replicas_is_applied(self, replicas: int, action: Action) -> None:
        assert decide(wanted(S.READY), observed(ServerState.READY, replicas=replicas)).action is action

    def test_another_fingerprint_is_applied_and_one_that_cannot_be_known_is_not(self) -> None:
        other = observed(ServerState.READY, fingerprint="of a spec from before")
        assert decide_by_spec(wanted(S.READY), other, SPEC) == Decision(Action.APPLY, S.READY, None)
        assert decide_by_spec(wanted(S.READY), other, None).action is Action.NONE

    def test_the_reason_is_the_targets_own_or_why_a_replica_last_ended(self) -> None:
        own = observed(ServerState.DEGRADED, reason="the supervisor is gone", last_exit="killed")
        assert decide(wanted(S.READY), own).reason == "the supervisor is gone"
        exit_only = observed(ServerState.DEGRADED, last_exit="killed by signal 9")
        assert decide(wanted(S.READY), exit_only).reason == "killed by signal 9"

    @pytest.mark.parametrize("status", [S.PENDING, S.STARTING, S.READY, S.DEGRADED, S.FAILED, S.DRAINING])
    def test_one_that_shall_go_drains_until_it_is_gone_and_then_is_stopped(self, status: DeploymentStatus) -> None:
        assert decide(leaving(status), observed(ServerState.READY)) == Decision(Action.REMOVE, S.DRAINING, None)
        gone = decide(leaving(status), ServerObservation(ServerState.ABSENT))
        assert gone == Decision(Action.NONE, S.STOPPED if status is S.DRAINING else S.DRAINING, None)
