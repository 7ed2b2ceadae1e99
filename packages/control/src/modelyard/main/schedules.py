"""Puts schedules together over retraining."""

from collections.abc import Sequence

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.http.routing import APIRouter
from modelyard.jobs.service import JobService
from modelyard.main.context import Context
from modelyard.registry.service import RegistryService
from modelyard.retraining.service import RetrainingService
from modelyard.schedules.planning import Planner
from modelyard.schedules.routes import announcement_routes, schedule_routes
from modelyard.schedules.service import ScheduleService
from modelyard.schedules.starter import ScheduleStarter

SCHEDULE_SECONDS = 1.0
"""Between two looks at what has become due."""


class ScheduleParts:
    """Schedules, and what plans and begins their runs."""

    def __init__(
        self,
        context: Context,
        *,
        access: AccessService,
        jobs: JobService,
        registry: RegistryService,
        retraining: RetrainingService,
    ) -> None:
        database, clock, audit = context.database, context.clock, context.audit
        self._clock = clock
        self.schedules = ScheduleService(
            database=database,
            clock=clock,
            audit=audit,
            registry=registry,
            retraining=retraining,
            stands_in=access.standing_in,
            failures=FailedLogins(clock=clock, most=context.settings.access.failed_logins_per_minute),
        )
        self.starter = ScheduleStarter(
            database=database,
            audit=audit,
            planner=Planner(database=database, clock=clock, audit=audit),
            schedules=self.schedules,
            jobs=jobs,
            retraining=retraining,
            stands_in=access.standing_in,
        )

    def routes(self) -> Sequence[APIRouter]:
        """The surface `/api/v1/schedules`, and the address of announcements."""
        return [schedule_routes(self.schedules, self._clock), announcement_routes(self.schedules)]
