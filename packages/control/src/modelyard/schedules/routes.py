"""The routes of schedules, and the one address that is open: where new data is announced, by who has its secret."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Header, Query, Request

from modelyard.http.guard import Requires
from modelyard.http.middleware.authentication import ANNOUNCEMENTS, caller_of
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal
from modelyard.schedules.domain import Schedule
from modelyard.schedules.schemas import (
    AnnouncementBody,
    MadeScheduleAnswer,
    RunAnswer,
    ScheduleAnswer,
    ScheduleBody,
    SchedulesAnswer,
    ScheduleWithRunsAnswer,
)
from modelyard.schedules.service import ScheduleService

Read = Annotated[Principal, Depends(Requires(Permission.JOBS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.JOBS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]


def schedule_routes(schedules: ScheduleService, clock: Clock) -> APIRouter:
    """Schedules."""
    router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"])

    @router.post("", status_code=201)
    def create_schedule(caller: Write, body: ScheduleBody) -> MadeScheduleAnswer:
        """Have a version retrained at planned times, after an event, or when new data is announced."""
        schedule, key = schedules.create(caller, body.new())
        return MadeScheduleAnswer.made(schedule, clock.now(), None if key is None else _address(schedule, key))

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_schedules(
        caller: Read, model_name: str | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> SchedulesAnswer:
        """Schedules with their next times, newest first."""
        page = schedules.page(caller, model_name=model_name, limit=limit, cursor=cursor)
        now = clock.now()
        return SchedulesAnswer(
            schedules=[ScheduleAnswer.of(one, now) for one in page.items], next_cursor=page.next_cursor
        )

    @router.get("/{schedule_id}")
    def get_schedule(caller: Read, schedule_id: str) -> ScheduleWithRunsAnswer:
        """One schedule, with its next times and its last runs."""
        schedule = schedules.get(caller, schedule_id)
        return ScheduleWithRunsAnswer.with_runs(schedule, clock.now(), schedules.runs(caller, schedule_id))

    @router.post("/{schedule_id}/pause")
    def pause_schedule(caller: Write, schedule_id: str) -> ScheduleAnswer:
        """Let it make no more runs until it is resumed."""
        return ScheduleAnswer.of(schedules.pause(caller, schedule_id), clock.now())

    @router.post("/{schedule_id}/resume")
    def resume_schedule(caller: Write, schedule_id: str) -> ScheduleAnswer:
        """Let it make runs again, from its next planned time on."""
        return ScheduleAnswer.of(schedules.resume(caller, schedule_id), clock.now())

    @router.post("/{schedule_id}/run", status_code=202)
    def run_schedule(caller: Write, schedule_id: str, idempotency_key: IdempotencyKey = None) -> RunAnswer:
        """Plan a run for now, in the name of who made the schedule."""
        return RunAnswer.of(schedules.run_now(caller, schedule_id, idempotency_key=idempotency_key))

    @router.delete("/{schedule_id}", status_code=204)
    def delete_schedule(caller: Write, schedule_id: str) -> None:
        """Delete a schedule. Jobs that it has made go on."""
        schedules.delete(caller, schedule_id)

    return router


def announcement_routes(schedules: ScheduleService) -> APIRouter:
    """What somebody else's system calls, without a token."""
    router = APIRouter(tags=["schedules"])

    @router.post(ANNOUNCEMENTS, status_code=202)
    def announce(
        request: Request,
        schedule: Annotated[str, Query(max_length=40)],
        key: Annotated[str, Query(max_length=100)],
        body: AnnouncementBody | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> RunAnswer:
        """Say that new data is there: the schedule of this address retrains its version."""
        given = {} if body is None else {name: each.reference() for name, each in body.data.items()}
        _, address = caller_of(request.scope)
        run = schedules.announce(schedule, key, data=given, idempotency_key=idempotency_key, address=address)
        return RunAnswer.of(run)

    return router


def _address(schedule: Schedule, key: str) -> str:
    return f"{ANNOUNCEMENTS}?{urlencode({'schedule': schedule.schedule_id, 'key': key})}"
