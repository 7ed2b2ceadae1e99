"""The verbs on schedules: make, look, pause, resume, delete, run now, and announce new data."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from modelyard.access.failures import FailedLogins, address_key
from modelyard.access.limits import lock_quotas
from modelyard.access.quotas import Resource
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Busy, Conflict, NotFound
from modelyard.naming import validate_model_name
from modelyard.paging import Page
from modelyard.plain import plain_text
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.provenance import DataReference
from modelyard.registry.service import RegistryService
from modelyard.retraining.domain import Changes
from modelyard.retraining.service import RetrainingService
from modelyard.schedules import store
from modelyard.schedules.cron import Missed
from modelyard.schedules.domain import LATEST, PRODUCTION, Overlap, Run, Schedule, Trigger, checked_which
from modelyard.schedules.planning import new_run
from modelyard.schedules.rights import StandsIn, maker_of
from modelyard.schedules.states import RunStatus, ScheduleStatus
from modelyard.training.data import checked_data

_SHOWN_RUNS = 20
MOST_ANNOUNCED, _ANNOUNCED_WINDOW = 60, timedelta(hours=1)
"""How many runs the announcements to one schedule plan in which time, over all control planes."""
_ANNOUNCED = "announced-"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSchedule:
    """What a schedule is made of."""

    model_name: str
    which: str
    trigger: Trigger
    changes: Changes
    overlap: Overlap = Overlap.REFUSE
    missed: Missed = Missed.SKIP
    description: str = ""


class ScheduleService:
    """Schedules of all tenants."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        registry: RegistryService,
        retraining: RetrainingService,
        stands_in: StandsIn,
        failures: FailedLogins,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._registry = registry
        self._retraining = retraining
        self._stands_in = stands_in
        self._failures = failures

    def create(self, principal: Principal, new: NewSchedule) -> tuple[Schedule, str | None]:
        """Make a schedule; with it the key of its address, where data is announced to it. The key is shown once.

        Raises:
            NotFound: there is no such model, or no such version of it.
            Invalid, Conflict: what it would retrain now could not be retrained; see `RetrainingService.retrain`.
            Forbidden: its maker is no member, so its runs could not be in anybody's name.
            Conflict: code `quota_exceeded`.
        """
        schedule, key = self._new(principal, new)
        maker_of(schedule, self._stands_in)
        number = self.version_of(principal, schedule)
        if number is not None:
            self._retraining.check(principal, schedule.model_name, number, new.changes)
        with self._database.write() as connection:
            quotas = lock_quotas(connection, principal.tenant_id)
            store.add(connection, schedule)
            quotas.check(Resource.SCHEDULES, lambda: store.count(connection, principal.tenant_id))
            self._record(connection, principal, "schedule.created", schedule, after=_described(schedule))
        return schedule, key

    def version_of(self, principal: Principal, schedule: Schedule) -> int | None:
        """Which version it would retrain now; None where there is none.

        Raises:
            NotFound: there is no such model.
        """
        model = self._registry.model(principal, schedule.model_name)
        if schedule.which == PRODUCTION:
            return model.production_version
        return model.latest_version if schedule.which == LATEST else int(schedule.which)

    def page(self, principal: Principal, *, model_name: str | None, limit: int, cursor: str | None) -> Page[Schedule]:
        """Schedules of the caller's tenant, newest first."""
        with self._database.read() as connection:
            return store.page(connection, principal.tenant_id, model_name=model_name, limit=limit, cursor=cursor)

    def get(self, principal: Principal, schedule_id: str) -> Schedule:
        """One schedule of the caller's tenant.

        Raises:
            NotFound: code `schedule_not_found`.
        """
        with self._database.read() as connection:
            return _own(store.find(connection, schedule_id), principal, schedule_id)

    def runs(self, principal: Principal, schedule_id: str) -> Sequence[Run]:
        """Its last runs, newest first."""
        self.get(principal, schedule_id)
        with self._database.read() as connection:
            return store.last_runs(connection, schedule_id, limit=_SHOWN_RUNS)

    def pause(self, principal: Principal, schedule_id: str) -> Schedule:
        """Let it make no more runs. What is planned already is refused."""
        return self._move(principal, schedule_id, ScheduleStatus.PAUSED)

    def resume(self, principal: Principal, schedule_id: str) -> Schedule:
        """Let it make runs again, from its next planned time on: what was meanwhile was not missed."""
        return self._move(principal, schedule_id, ScheduleStatus.ACTIVE)

    def delete(self, principal: Principal, schedule_id: str) -> None:
        """Delete a schedule with its list of runs. Jobs that it has made go on.

        Raises:
            NotFound: code `schedule_not_found`.
        """
        with self._database.write() as connection:
            schedule = _own(store.lock(connection, schedule_id), principal, schedule_id)
            store.remove(connection, schedule_id)
            self._record(connection, principal, "schedule.deleted", schedule, before=_described(schedule))

    def run_now(self, principal: Principal, schedule_id: str, *, idempotency_key: str | None) -> Run:
        """Plan a run for now, in its maker's name. The same key is the same run.

        Raises:
            NotFound: code `schedule_not_found`.
            Conflict: code `schedule_paused`.
        """
        with self._database.write() as connection:
            schedule = _own(store.lock(connection, schedule_id), principal, schedule_id)
            run = self._planned(connection, schedule, f"asked-{_short(idempotency_key)}")
            self._record(connection, principal, "schedule.run_asked", schedule, after={"occasion": run.occasion})
            return run

    def announce(
        self,
        schedule_id: str,
        key: str,
        *,
        data: Mapping[str, DataReference],
        idempotency_key: str | None,
        address: str | None,
    ) -> Run:
        """Plan a run since new data is there. Whoever has the address may; the same announcement is the same run.

        Args:
            data: the run is given it, in place of what the schedule or the recipe names by the same names.
            address: where the announcement comes from. Wrong keys are counted by it, as failed logins are.

        Raises:
            NotFound: code `schedule_not_found`, also for a wrong key.
            Invalid: code `data_invalid`.
            Conflict: code `schedule_paused`.
            Busy: code `too_many_failed_logins` or `too_many_announcements`, with when the next is let in.
        """
        self._let_in(schedule_id, key, address_key(address))
        given = checked_data(data, None)
        with self._database.write() as connection:
            schedule = _check_key(store.lock(connection, schedule_id), schedule_id, key)
            return self._planned(connection, schedule, f"{_ANNOUNCED}{_short(idempotency_key)}", data=given)

    def _let_in(self, schedule_id: str, key: str, origin: str) -> None:
        self._failures.refuse(origin)
        try:
            with self._database.read() as connection:
                _check_key(store.find(connection, schedule_id), schedule_id, key)
        except NotFound:
            self._failures.note(origin)
            raise

    def _planned(
        self,
        connection: Connection,
        schedule: Schedule,
        occasion: str,
        *,
        data: Mapping[str, DataReference] = MappingProxyType({}),
    ) -> Run:
        earlier = store.find_run(connection, schedule.schedule_id, occasion)
        if earlier is not None:
            return earlier
        if schedule.status is ScheduleStatus.PAUSED:
            raise Conflict(f"schedule '{schedule.schedule_id}' is paused: resume it first", code="schedule_paused")
        if occasion.startswith(_ANNOUNCED):
            self._check_rate(connection, schedule)
        run = replace(new_run(schedule, occasion, self._clock.now()), data=data)
        store.add_run(connection, run)
        return run

    def _check_rate(self, connection: Connection, schedule: Schedule) -> None:
        """Counted in the schedule's rows, which are locked, so the limit is one of all control planes together."""
        now = self._clock.now()
        recent = store.times_of_runs(connection, schedule.schedule_id, prefix=_ANNOUNCED, after=now - _ANNOUNCED_WINDOW)
        if len(recent) < MOST_ANNOUNCED:
            return
        raise Busy(
            f"too many announcements: schedule '{schedule.schedule_id}' takes {MOST_ANNOUNCED} in an hour",
            code="too_many_announcements",
            retry_after_seconds=(recent[-MOST_ANNOUNCED] + _ANNOUNCED_WINDOW - now).total_seconds(),
        )

    def _move(self, principal: Principal, schedule_id: str, to: ScheduleStatus) -> Schedule:
        now = self._clock.now()
        with self._database.write() as connection:
            schedule = _own(store.lock(connection, schedule_id), principal, schedule_id)
            if schedule.status is to:
                return schedule
            cron = schedule.trigger.cron
            is_planned = to is ScheduleStatus.ACTIVE and cron is not None
            next_at = next(iter(cron.after(now)), None) if is_planned and cron is not None else None
            store.change(connection, schedule_id, status=to, next_at=next_at, updated_at=now)
            if to is ScheduleStatus.PAUSED:
                for run in store.last_runs(connection, schedule_id, limit=1000, status=RunStatus.PLANNED):
                    store.change_run(connection, run, status=RunStatus.REFUSED, reason="the schedule was paused")
            action = "schedule.paused" if to is ScheduleStatus.PAUSED else "schedule.resumed"
            self._record(connection, principal, action, schedule)
            return _own(store.find(connection, schedule_id), principal, schedule_id)

    def _new(self, principal: Principal, new: NewSchedule) -> tuple[Schedule, str | None]:
        validate_model_name(new.model_name, field="model_name")
        now, cron = self._clock.now(), new.trigger.cron
        key = secrets.token_urlsafe(32) if new.trigger.is_announced else None
        schedule = Schedule(
            schedule_id=f"sch-{uuid4().hex[:20]}",
            tenant_id=principal.tenant_id,
            model_name=new.model_name,
            description=plain_text(new.description),
            which=checked_which(new.which),
            trigger=new.trigger,
            changes=new.changes.to_json(),
            overlap=new.overlap,
            missed=new.missed,
            status=ScheduleStatus.ACTIVE,
            next_at=None if cron is None else next(iter(cron.after(now)), None),
            key_digest=None if key is None else hashlib.sha256(key.encode()).hexdigest(),
            created_by=principal.subject,
            scopes=None if principal.scopes is None else sorted(principal.scopes),
            made_by=sorted(principal.made_by),
            created_at=now,
            updated_at=now,
        )
        return schedule, key

    def _record(
        self, connection: Connection, principal: Principal, action: str, schedule: Schedule, **states: Any
    ) -> None:
        self._audit.record(connection, principal=principal, action=action, subject=schedule.subject, **states)


def _own(schedule: Schedule | None, principal: Principal, schedule_id: str) -> Schedule:
    if schedule is None or schedule.tenant_id != principal.tenant_id:
        raise _no_schedule(schedule_id)
    return schedule


def _check_key(schedule: Schedule | None, schedule_id: str, key: str) -> Schedule:
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    known = None if schedule is None else schedule.key_digest
    if schedule is None or known is None or not hmac.compare_digest(digest, known):
        raise _no_schedule(schedule_id)
    return schedule


def _no_schedule(schedule_id: str) -> NotFound:
    return NotFound(f"there is no schedule '{schedule_id[:80]}'", code="schedule_not_found")


def _described(schedule: Schedule) -> dict[str, Any]:
    cron = schedule.trigger.cron
    return {
        "which": schedule.which,
        "cron": None if cron is None else cron.expression,
        "time_zone": None if cron is None else cron.time_zone,
        "event": schedule.trigger.event_type,
        "overlap": str(schedule.overlap),
        "missed": str(schedule.missed),
        "stage_if": schedule.changes["stage_if"],
    }


def _short(key: str | None) -> str:
    """Of any key one of a fixed length."""
    return uuid4().hex if key is None else hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]
