"""Moves roll-outs on: measure, decide, do what that needs, write it down. One process at a time, under a lease.

Every effect can be repeated, and is, until the facts say that it is done: so a process may be killed anywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.verbs import DeploymentCommand, DeploymentVerbs
from modelyard.errors import Conflict, ModelyardError
from modelyard.jobs.service import JobService
from modelyard.leases.domain import LeaseLostError
from modelyard.promotion.service import PromotionService
from modelyard.registry.service import RegistryService
from modelyard.repeated_warnings import RepeatedWarnings
from modelyard.rollouts import store
from modelyard.rollouts.book import RolloutBook, progress_after
from modelyard.rollouts.domain import Decision, Effect, Rollout, decide
from modelyard.rollouts.measures import Progress, look
from modelyard.rollouts.states import RolloutStatus
from modelyard.rollouts.watching import Meter, Watching, owner_of

logger = structlog.get_logger()


class RolloutReconciler:
    """All roll-outs of all tenants that have not ended."""

    def __init__(
        self,
        *,
        database: Database,
        registry: RegistryService,
        promotion: PromotionService,
        deployments: DeploymentService,
        verbs: DeploymentVerbs,
        jobs: JobService,
        book: RolloutBook,
        watching: Watching,
        meter: Meter,
        renew_lease: Callable[[], None],
    ) -> None:
        self._database = database
        self._registry = registry
        self._promotion = promotion
        self._deployments = deployments
        self._verbs = verbs
        self._jobs = jobs
        self._book = book
        self._watching = watching
        self._meter = meter
        self._warnings = RepeatedWarnings()
        self._renew_lease = renew_lease
        self._effects: dict[Effect, Callable[[Rollout], dict[str, Any]]] = {
            Effect.DEPLOY_CANDIDATE: self._deploy_candidate,
            Effect.REQUEST_APPROVAL: self._request_approval,
            Effect.RESTORE_FORMER: self._restore_former,
            Effect.CANCEL_JOB: self._cancel_job,
        }

    def make_pass(self) -> bool:
        """Move every roll-out on by at most one step; whether there is more to do at once."""
        with self._database.read() as connection:
            found = store.all_under_way(connection)
        moved = [self._reconcile_logged(rollout) for rollout in found]
        return any(moved)

    def reconcile(self, rollout: Rollout) -> bool:
        """One pass over one roll-out; whether it moved."""
        progress = self._look(rollout)
        decision = decide(rollout, self._watching.facts(rollout, progress))
        self._renew_lease()
        if decision.status is RolloutStatus.ROLLING_BACK and rollout.status is not decision.status:
            # First the requests, then everything else.
            return self._write(rollout, decision, progress, {})
        known: dict[str, Any] = {}
        for effect in sorted(decision.effects & self._effects.keys()):
            known |= self._effects[effect](rollout)
        return self._write(rollout, decision, progress, known)

    def _look(self, rollout: Rollout) -> Progress:
        """What is known of both versions now. Before the candidate gets requests the counters are only noted."""
        is_pending = rollout.status is RolloutStatus.PENDING
        if not is_pending and not rollout.status.sends_requests:
            return rollout.progress
        measured = self._meter.measure(rollout)
        known = look(rollout.progress, rollout.plan, measured, former=rollout.former, candidate=rollout.candidate)
        return replace(known, evidence={}, step_requests=0) if is_pending else known

    def _reconcile_logged(self, rollout: Rollout) -> bool:
        try:
            has_moved = self.reconcile(rollout)
            self._warnings.has_ended(rollout.rollout_id)
            return has_moved
        except LeaseLostError:
            raise
        except ModelyardError as exc:
            if self._warnings.is_due(rollout.rollout_id, exc.message):
                logger.warning("roll-out blocked", rollout_id=rollout.rollout_id, reason=exc.message)
            self._note(rollout, exc.message)
        except Exception:
            logger.exception("a roll-out could not be moved on", rollout_id=rollout.rollout_id)
        return False

    def _write(self, rollout: Rollout, decision: Decision, progress: Progress, known: dict[str, Any]) -> bool:
        leaving = self._leaving(rollout, decision)
        with self._database.write() as connection:
            current = store.lock(connection, rollout.rollout_id)
            if current is None or current.revision != rollout.revision:
                return True  # Somebody moved it meanwhile: what was decided no longer holds.
            self._book.lock_traffic(connection, owner_of(rollout), rollout.model_name)
            decision = self._undeploy(connection, rollout, decision, leaving)
            after = progress_after(rollout, decision, progress)
            if after != rollout.progress:
                known = {**known, "progress": after.to_json()}
            has_moved = (decision.status, decision.step) != (rollout.status, rollout.step)
            if has_moved or known or decision.reason != rollout.reason:
                self._book.move(connection, owner_of(rollout), current, decision, **known)
            return has_moved

    def _note(self, rollout: Rollout, reason: str) -> None:
        """Say on the roll-out what keeps it from going on."""
        if rollout.reason == reason:
            return
        with self._database.write() as connection:
            current = store.lock(connection, rollout.rollout_id)
            if current is not None and current.revision == rollout.revision:
                store.change(connection, rollout.rollout_id, reason=reason)

    # Effects. Each gives the columns that are known by it.

    def _deploy_candidate(self, rollout: Rollout) -> dict[str, Any]:
        """Beside the former version, where that one runs, and as many replicas. The key makes it one job."""
        if rollout.job_id is not None:
            return {}
        if (made := self._watching.job(rollout)) is not None:
            return {"job_id": made.job_id}
        former = next(iter(self._watching.deployed(rollout, rollout.former)), None)
        if self._watching.deployed(rollout, rollout.candidate) or former is None:
            return {}
        command = DeploymentCommand(
            model_name=rollout.model_name,
            version=rollout.candidate,
            replicas=former.replicas,
            namespace=former.namespace,
            target=former.target,
            resources=former.resources,
            autoscaling=former.autoscaling,
        )
        accepted = self._verbs.deploy(owner_of(rollout), command, idempotency_key=rollout.rollout_id)
        return {"job_id": accepted.job.job_id}

    def _request_approval(self, rollout: Rollout) -> dict[str, Any]:
        """Asked again it gives the open request."""
        owner = owner_of(rollout)
        version = self._registry.version(owner, rollout.model_name, rollout.candidate)
        comment = f"roll-out '{rollout.rollout_id}'"
        return {"request_id": self._promotion.request(owner, version, comment=comment).request_id}

    def _restore_former(self, rollout: Rollout) -> dict[str, Any]:
        """Only from the state that was looked at: a second call would undo the first."""
        owner = owner_of(rollout)
        model = self._registry.model(owner, rollout.model_name)
        if model.production_version == rollout.candidate:
            comment = f"roll-out '{rollout.rollout_id}': {rollout.reason}"
            self._promotion.rollback(owner, rollout.model_name, comment=comment, revision=model.revision)
        return {}

    def _cancel_job(self, rollout: Rollout) -> dict[str, Any]:
        """The job that deploys the candidate, where it still does."""
        job = self._watching.job(rollout)
        if job is not None and not job.is_final:
            try:
                self._jobs.cancel(owner_of(rollout), job.job_id)
            except Conflict:
                logger.info("the job of a roll-out ended by itself", job_id=job.job_id)
        return {}

    def _leaving(self, rollout: Rollout, decision: Decision) -> list[str]:
        """The deployments that are of no use after this decision, by id.

        Of the candidate that which the roll-out made; one that was there before stays.
        """
        if Effect.UNDEPLOY_FORMER in decision.effects:
            return [one.deployment_id for one in self._watching.deployed(rollout, rollout.former)]
        job = self._watching.job(rollout) if Effect.UNDEPLOY_CANDIDATE in decision.effects else None
        made = None if job is None else self._deployments.of_job(job.job_id)
        return [] if made is None else [made.deployment_id]

    def _undeploy(
        self, connection: Connection, rollout: Rollout, decision: Decision, leaving: Sequence[str]
    ) -> Decision:
        """In the transaction that writes the end: not after somebody has turned the roll-out around. What cannot be
        undeployed keeps none from its end."""
        went_back = f"roll-out '{rollout.rollout_id}' went back"
        took_over = f"version {rollout.candidate} took over (roll-out '{rollout.rollout_id}')"
        said = took_over if Effect.UNDEPLOY_FORMER in decision.effects else went_back
        for deployment_id in leaving:
            try:
                self._deployments.undeploy_within(connection, owner_of(rollout), deployment_id, reason=said)
            except ModelyardError as exc:
                left = f"deployment '{deployment_id}' is left: {exc.message}"
                decision = replace(decision, reason=f"{decision.reason}; {left}")
        return decision
