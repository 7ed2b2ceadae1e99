"""Writes runs down: at planned times, after events, when data is announced, and when somebody asks. It begins none.

Of one schedule and one occasion there is one run, whoever writes it and however often.
"""

from datetime import datetime

from sqlalchemy import Connection

from modelyard.audit.domain import Entry, about
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.schedules import store
from modelyard.schedules.cron import Due, look
from modelyard.schedules.domain import TRIGGERING, Run, Schedule
from modelyard.schedules.rights import named
from modelyard.schedules.states import RunStatus, ScheduleStatus

_AT_ONCE = 100


def plan_run(connection: Connection, schedule: Schedule, occasion: str, at: datetime) -> bool:
    """Write a run down, if there is none of its occasion; whether there was none."""
    return store.add_run(connection, new_run(schedule, occasion, at))


def new_run(schedule: Schedule, occasion: str, at: datetime) -> Run:
    """A run that is begun soon."""
    return Run(
        schedule_id=schedule.schedule_id,
        tenant_id=schedule.tenant_id,
        occasion=occasion,
        planned_at=at,
        status=RunStatus.PLANNED,
        job_id=None,
        reason=None,
        missed=0,
    )


class EventListener:
    """A listener of the audit log: an event makes its runs in the transaction in which it happens."""

    def on_entry(self, connection: Connection, entry: Entry) -> None:
        """Write a run for every schedule that this event triggers."""
        if entry.action not in TRIGGERING:
            return
        model_name, _ = about(entry.subject, entry.after)
        if model_name is None:
            return
        for schedule in store.after_event(connection, entry.tenant_id, entry.action, model_name):
            plan_run(connection, schedule, f"event-{entry.sequence}", entry.at)


class Planner:
    """Writes down the runs whose planned time has come, and those that were missed."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    def plan_due(self) -> bool:
        """Look at schedules whose time has come; whether there may be more of them."""
        with self._database.read() as connection:
            due = store.due(connection, self._clock.now(), limit=_AT_ONCE)
        for schedule_id in due:
            self._plan(schedule_id)
        return len(due) == _AT_ONCE

    def _plan(self, schedule_id: str) -> None:
        now = self._clock.now()
        with self._database.write() as connection:
            schedule = store.lock(connection, schedule_id)
            if schedule is None or schedule.status is not ScheduleStatus.ACTIVE or schedule.trigger.cron is None:
                return
            if schedule.next_at is None or schedule.next_at > now:
                return
            found = look(schedule.trigger.cron, schedule.next_at, now, schedule.missed)
            store.change(connection, schedule_id, next_at=found.next_at)
            if found.run_at is not None:
                plan_run(connection, schedule, _occasion(found.run_at), found.run_at)
            if found.missed_at is not None:
                self._note_missed(connection, schedule, found, found.missed_at)

    def _note_missed(self, connection: Connection, schedule: Schedule, found: Due, at: datetime) -> None:
        reason = f"no control plane was there at {found.missed} planned times, the last of them {at:%Y-%m-%d %H:%M} UTC"
        run = Run(
            schedule_id=schedule.schedule_id,
            tenant_id=schedule.tenant_id,
            occasion=_occasion(at),
            planned_at=at,
            status=RunStatus.MISSED,
            job_id=None,
            reason=reason,
            missed=found.missed,
        )
        if store.add_run(connection, run):
            self._audit.record(
                connection,
                principal=named(schedule),
                action="schedule.run_missed",
                subject=schedule.subject,
                reason=reason,
                after={"missed": found.missed, "is_caught_up": found.run_at is not None},
            )


def _occasion(planned_at: datetime) -> str:
    return f"{planned_at:%Y-%m-%dT%H:%M}Z"
