"""Holds on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from modelyard.holds.domain import Hold
from modelyard.http.bodies import RequestBody
from modelyard.http.moment import Moment
from modelyard.registry.schemas import Answer


class HoldBody(RequestBody):
    """Why a version must be kept, and until when; without an end, until somebody lifts the hold."""

    reason: str = Field(min_length=1, max_length=2000, pattern=r"\S")
    until: Annotated[Moment, Field(strict=False)] | None = None


class LiftBody(RequestBody):
    """Why a version need not be kept any more."""

    reason: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class HoldAnswer(Answer):
    """A hold that lies or lay on a version."""

    hold_id: str
    name: str
    version: int
    reason: str
    is_active: bool
    until: datetime | None
    put_by: str
    put_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    lift_reason: str | None

    @classmethod
    def of(cls, hold: Hold, *, now: datetime) -> "HoldAnswer":
        """The hold on the wire."""
        return cls(
            hold_id=hold.hold_id,
            name=hold.model_name,
            version=hold.version,
            reason=hold.reason,
            is_active=hold.is_active(now),
            until=hold.until,
            put_by=hold.put_by,
            put_at=hold.put_at,
            lifted_by=hold.lifted_by,
            lifted_at=hold.lifted_at,
            lift_reason=hold.lift_reason,
        )


class HoldsAnswer(Answer):
    """A page of holds, the oldest first."""

    holds: list[HoldAnswer]
    next_cursor: str | None
