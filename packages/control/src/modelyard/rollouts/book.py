"""Writes roll-outs: the row, the split of the model's requests and the entry of the audit log, in one transaction."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.errors import Conflict
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.rollouts import store
from modelyard.rollouts.domain import Decision, Rollout
from modelyard.rollouts.measures import Progress, at_new_share
from modelyard.rollouts.plan import Plan, StepKind, plan_to_json
from modelyard.rollouts.states import TRANSITIONS, RolloutStatus
from modelyard.traffic.book import TrafficBook


class RolloutBook:
    """What verbs and the reconciler write with."""

    def __init__(self, *, clock: Clock, audit: AuditLog, traffic: TrafficBook) -> None:
        self._clock = clock
        self._audit = audit
        self._traffic = traffic

    def start(
        self,
        connection: Connection,
        principal: Principal,
        model_name: str,
        plan: Plan,
        *,
        former: int,
        candidate: int,
        is_promoted: bool,
    ) -> Rollout:
        """Begin a roll-out. From now on all requests go to the former version, until its first step sends some away.

        Raises:
            Conflict: code `rollout_under_way`.
        """
        earlier = store.under_way(connection, principal.tenant_id, model_name)
        if earlier is not None:
            raise Conflict(
                f"model '{model_name}' has the roll-out '{earlier.rollout_id}' of version {earlier.candidate} under "
                "way: abort it, or wait for its end",
                code="rollout_under_way",
            )
        now = self._clock.now()
        rollout = Rollout(
            rollout_id=f"ro-{uuid4().hex}",
            tenant_id=principal.tenant_id,
            model_name=model_name,
            former=former,
            candidate=candidate,
            plan=plan,
            status=RolloutStatus.PENDING,
            step=0,
            step_since=now,
            reason=None,
            progress=Progress(),
            request_id=None,
            job_id=None,
            is_promoted=is_promoted,
            created_by=principal.subject,
            created_at=now,
            updated_at=now,
            revision=1,
        )
        store.add(connection, rollout)
        # The split before the entry: who divides requests by hand locks them in this order too.
        self._set_traffic(connection, principal, rollout)
        self._record(connection, principal, "rollout.started", rollout, after={"plan": plan_to_json(plan)})
        return rollout

    def move(
        self, connection: Connection, principal: Principal, rollout: Rollout, decision: Decision, **values: Any
    ) -> Rollout:
        """The one place where a roll-out's status and step change. `rollout` is locked."""
        if decision.status is not rollout.status and decision.status not in TRANSITIONS[rollout.status]:
            raise Conflict(
                f"roll-out '{rollout.rollout_id}' cannot go from {rollout.status} to {decision.status}",
                code="rollout_transition_refused",
            )
        now = self._clock.now()
        values = {"reason": decision.reason, "updated_at": now, **values}
        has_moved = (decision.status, decision.step) != (rollout.status, rollout.step)
        if has_moved:
            values |= {"status": decision.status, "step": decision.step, "step_since": now}
            values["revision"] = rollout.revision + 1
        store.change(connection, rollout.rollout_id, **values)
        moved = store.find(connection, rollout.rollout_id)
        if moved is None:
            raise AssertionError("the roll-out was just written")
        if has_moved:
            self._set_traffic(connection, principal, moved)
            action = "rollout.step" if decision.status is rollout.status else f"rollout.{decision.status}"
            self._record(
                connection,
                principal,
                action,
                moved,
                reason=decision.reason or "",
                before={"status": rollout.status, "step": rollout.step},
                after={"status": moved.status, "step": moved.step, "does": moved.current_step.title},
            )
        return moved

    def lock_traffic(self, connection: Connection, principal: Principal, model_name: str) -> None:
        """Keep others from dividing a model's requests until the transaction ends: before anything else of it, so that
        no two transactions wait for each other."""
        self._traffic.lock(connection, principal, model_name)

    def record(self, connection: Connection, principal: Principal, action: str, rollout: Rollout, reason: str) -> None:
        """An entry on what somebody asked for."""
        self._record(connection, principal, action, rollout, reason=reason)

    def _set_traffic(self, connection: Connection, principal: Principal, rollout: Rollout) -> None:
        reason = f"roll-out of version {rollout.candidate}: {rollout.status}"
        if rollout.split is None:
            held = self._traffic.lock(connection, principal, rollout.model_name)
            if held is not None and held.rollout_id == rollout.rollout_id:  # Not what somebody has set since.
                self._traffic.remove(connection, principal, rollout.model_name, reason=reason)
            return
        self._traffic.set(
            connection, principal, rollout.model_name, rollout.split, rollout_id=rollout.rollout_id, reason=reason
        )

    def _record(
        self,
        connection: Connection,
        principal: Principal,
        action: str,
        rollout: Rollout,
        *,
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        what = {"model": f"models/{rollout.model_name}", "former": rollout.former, "candidate": rollout.candidate}
        self._audit.record(
            connection,
            principal=principal,
            action=action,
            subject=rollout.subject,
            reason=reason,
            before=before,
            after={**what, **(after or {})},
        )


def progress_after(rollout: Rollout, decision: Decision, progress: Progress) -> Progress:
    """The progress that is written with a decision: requests are counted anew from a change of the share on."""
    is_next = decision.step != rollout.step or rollout.status is RolloutStatus.PENDING
    changes_share = rollout.plan.steps[decision.step].kind in {StepKind.SHADOW, StepKind.WEIGHT}
    return at_new_share(progress) if is_next and changes_share else progress
