"""The verbs on roll-outs: start, pause, resume, promote, abort, look; and the plans of promotions."""

from sqlalchemy import Connection

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deployments.service import ready_versions
from modelyard.errors import Conflict, NotFound
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.revision import check_revision
from modelyard.rollouts import plan_store, store
from modelyard.rollouts.book import RolloutBook
from modelyard.rollouts.domain import Decision, Rollout, rollout_not_found
from modelyard.rollouts.plan import Plan, check_plan, plan_to_json
from modelyard.rollouts.plan_store import StoredPlan
from modelyard.rollouts.states import RolloutStatus
from modelyard.traffic.service import is_divided_by_hand


class RolloutService:
    """Roll-outs of all tenants."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        registry: RegistryService,
        book: RolloutBook,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._registry = registry
        self._book = book

    def start(self, principal: Principal, model_name: str, version: int | None, plan: Plan | None) -> Rollout:
        """Roll a version in staging out against the version in production; without a number that in staging.

        Without a plan: the model's own, else the default one. Its last step needs the approval that the model's policy
        asks for.

        Raises:
            Invalid: code `rollout_plan_invalid`.
            NotFound: code `model_not_found` or `version_not_found`.
            Conflict: code `rollout_under_way`, `nothing_in_production`, `not_in_staging`, `production_not_serving`,
                `version_deleting`, or `traffic_set`: a split by hand holds until somebody removes it.
        """
        with self._database.write() as connection:
            model = self._registry.lock_model(connection, principal, model_name)
            own = plan_store.find(connection, principal.tenant_id, model_name)
            plan = plan or (own.plan if own is not None else Plan())
            check_plan(plan)
            former, candidate = model.production_version, version or model.staging_version
            if former is None:
                raise Conflict(
                    f"model '{model_name}' has no version in production that another one could take over from",
                    code="nothing_in_production",
                )
            if candidate is None:
                raise Conflict(f"model '{model_name}' has no version in staging", code="not_in_staging")
            found = self._registry.get_not_deleting(connection, principal, model_name, candidate)
            if found.stage is not Stage.STAGING:
                raise Conflict(
                    f"version {candidate} of '{model_name}' is in stage {found.stage}: only a version in staging is "
                    "rolled out",
                    code="not_in_staging",
                    field="version",
                )
            _refuse_divided(connection, principal, model_name)
            _refuse_not_serving(connection, principal, model_name, former)
            return self._book.start(
                connection, principal, model_name, plan, former=former, candidate=candidate, is_promoted=False
            )

    def get(self, principal: Principal, rollout_id: str) -> Rollout:
        """A roll-out of the caller's tenant.

        Raises:
            NotFound: code `rollout_not_found`.
        """
        with self._database.read() as connection:
            return _visible(store.find(connection, rollout_id), principal, rollout_id)

    def page(
        self,
        principal: Principal,
        *,
        model_name: str | None,
        status: RolloutStatus | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Rollout]:
        """Roll-outs of the caller's tenant, newest first."""
        with self._database.read() as connection:
            return store.page(
                connection, principal.tenant_id, model_name=model_name, status=status, limit=limit, cursor=cursor
            )

    def pause(self, principal: Principal, rollout_id: str, *, reason: str, revision: int | None) -> Rollout:
        """Stay in this step until somebody resumes it. Guardrails go on watching.

        Raises:
            NotFound: code `rollout_not_found`.
            Conflict: code `rollout_transition_refused`.
            Precondition: code `revision_changed`.
        """
        return self._ask(principal, rollout_id, RolloutStatus.PAUSED, reason=reason, revision=revision)

    def resume(self, principal: Principal, rollout_id: str, *, reason: str, revision: int | None) -> Rollout:
        """Go on. A step that pauses until it is resumed is over with this; an analysis begins its time anew.

        Raises:
            NotFound, Conflict, Precondition: as `pause`.
        """
        with self._database.write() as connection:
            rollout = self._locked(connection, principal, rollout_id, revision)
            if rollout.status is not RolloutStatus.PAUSED:
                raise _refused(rollout, "resumed", "one that is paused can be")
            step = rollout.step + 1 if rollout.is_at_open_pause else rollout.step
            return self._book.move(
                connection, principal, rollout, Decision(RolloutStatus.RUNNING, step, reason or None)
            )

    def promote(self, principal: Principal, rollout_id: str, *, reason: str, revision: int | None) -> Rollout:
        """Leave out all steps but the last one. It needs the same approval as ever.

        Raises:
            NotFound, Conflict, Precondition: as `pause`.
        """
        with self._database.write() as connection:
            rollout = self._locked(connection, principal, rollout_id, revision)
            if not rollout.status.sends_requests:
                raise _refused(rollout, "promoted", "one that sends requests to its candidate can be")
            last = len(rollout.plan.steps) - 1
            self._book.record(connection, principal, "rollout.promote_asked", rollout, reason)
            if rollout.step == last:
                return rollout
            return self._book.move(
                connection, principal, rollout, Decision(RolloutStatus.RUNNING, last, reason or None)
            )

    def abort(self, principal: Principal, rollout_id: str, *, reason: str, revision: int | None) -> Rollout:
        """Take the candidate back: with this call all requests go to the former version, which runs as before.

        Also while the former version stays warm after the last step. Again: nothing more happens.

        Raises:
            NotFound, Conflict, Precondition: as `pause`.
        """
        said = f"aborted by {principal.subject}" + (f": {reason}" if reason else "")
        return self._ask(principal, rollout_id, RolloutStatus.ROLLING_BACK, reason=said, revision=revision)

    def plan(self, principal: Principal, model_name: str) -> StoredPlan:
        """The plan by which promotions of a model are rolled out.

        Raises:
            NotFound: code `rollout_plan_not_found`.
        """
        with self._database.read() as connection:
            found = plan_store.find(connection, principal.tenant_id, model_name)
        if found is None:
            raise NotFound(
                f"promotions of model '{model_name}' are not rolled out: it has no plan", code="rollout_plan_not_found"
            )
        return found

    def plans(self, principal: Principal) -> list[StoredPlan]:
        """The plans of the tenant's models, by model."""
        with self._database.read() as connection:
            return plan_store.of_tenant(connection, principal.tenant_id)

    def set_plan(self, principal: Principal, model_name: str, plan: Plan, *, revision: int | None) -> StoredPlan:
        """Have each promotion of a model rolled out by this plan.

        Raises:
            Invalid: code `rollout_plan_invalid`.
            NotFound: code `model_not_found`.
            Precondition: code `revision_changed`.
        """
        check_plan(plan)
        with self._database.write() as connection:
            self._registry.lock_model(connection, principal, model_name)
            before = plan_store.find(connection, principal.tenant_id, model_name)
            current = 0 if before is None else before.revision
            check_revision(revision, current, subject=f"the plan of '{model_name}'")
            after = StoredPlan(model_name, plan, principal.subject, self._clock.now(), current + 1)
            plan_store.put(connection, principal.tenant_id, after)
            self._audit.record(
                connection,
                principal=principal,
                action="rollout_plan.set",
                subject=f"models/{model_name}/rollout-plan",
                before=None if before is None else plan_to_json(before.plan),
                after=plan_to_json(plan),
            )
            return after

    def remove_plan(self, principal: Principal, model_name: str) -> None:
        """Roll promotions of a model out no more: each takes all requests at once.

        Raises:
            NotFound: code `rollout_plan_not_found`.
        """
        self.plan(principal, model_name)
        with self._database.write() as connection:
            plan_store.remove(connection, principal.tenant_id, model_name)
            self._audit.record(
                connection,
                principal=principal,
                action="rollout_plan.removed",
                subject=f"models/{model_name}/rollout-plan",
            )

    def _ask(
        self, principal: Principal, rollout_id: str, status: RolloutStatus, *, reason: str, revision: int | None
    ) -> Rollout:
        with self._database.write() as connection:
            rollout = self._locked(connection, principal, rollout_id, revision)
            if rollout.status is status:
                return rollout
            return self._book.move(connection, principal, rollout, Decision(status, rollout.step, reason or None))

    @staticmethod
    def _locked(connection: Connection, principal: Principal, rollout_id: str, revision: int | None) -> Rollout:
        rollout = _visible(store.lock(connection, rollout_id), principal, rollout_id)
        check_revision(revision, rollout.revision, subject=rollout.subject)
        return rollout


def _refuse_divided(connection: Connection, principal: Principal, model_name: str) -> None:
    if is_divided_by_hand(connection, principal.tenant_id, model_name):
        raise Conflict(
            f"the requests of model '{model_name}' are divided by hand: remove that first (traffic remove)",
            code="traffic_set",
        )


def _refuse_not_serving(connection: Connection, principal: Principal, model_name: str, former: int) -> None:
    if former not in ready_versions(connection, principal.tenant_id, model_name):
        raise Conflict(
            f"version {former} of '{model_name}', in production, does not serve: there is nothing that the candidate "
            "could be compared with. Deploy it, or promote the candidate directly",
            code="production_not_serving",
        )


def _refused(rollout: Rollout, verb: str, expected: str) -> Conflict:
    return Conflict(
        f"roll-out '{rollout.rollout_id}' is {rollout.status} and cannot be {verb}: {expected}",
        code="rollout_transition_refused",
    )


def _visible(rollout: Rollout | None, principal: Principal, rollout_id: str) -> Rollout:
    if rollout is None or rollout.tenant_id != principal.tenant_id:
        raise rollout_not_found(rollout_id)
    return rollout
