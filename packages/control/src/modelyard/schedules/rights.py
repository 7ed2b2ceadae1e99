"""In whose name the runs of a schedule are: its maker's, with the rights that they have when it runs."""

from typing import Protocol

from modelyard.principals import Permission, Principal, Role
from modelyard.schedules.domain import Schedule


class StandsIn(Protocol):
    """Who somebody is now. Given by the noun of access."""

    def __call__(
        self, tenant_id: str, subject: str, *, scopes: frozenset[Permission] | None, made_by: frozenset[str]
    ) -> Principal:
        """Raises Forbidden when they are no member any more, or their tenant is suspended."""


def maker_of(schedule: Schedule, stands_in: StandsIn) -> Principal:
    """Who made the schedule, as they are now.

    Raises:
        Forbidden: see `StandsIn`.
    """
    scopes = None if schedule.scopes is None else frozenset(Permission(each) for each in schedule.scopes)
    return stands_in(schedule.tenant_id, schedule.created_by, scopes=scopes, made_by=frozenset(schedule.made_by))


def named(schedule: Schedule) -> Principal:
    """The maker as the audit log names them, who may nothing by this."""
    return Principal(schedule.tenant_id, schedule.created_by, Role.VIEWER, made_by=frozenset(schedule.made_by))
