"""Splits on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from modelyard.http.bodies import RequestBody
from modelyard.registry.schemas import Answer
from modelyard.traffic.domain import Shadow, Share, Split, Stickiness, StickyBy, Traffic

Percent = Annotated[float, Field(ge=0, le=100)]
Reason = Annotated[str, Field(max_length=2000)]


class ShareBody(RequestBody):
    """A version and its percentage."""

    version: int = Field(ge=1)
    percent: Percent


class StickyBody(RequestBody):
    """What a caller is known by: `client` (its subscription, else its address), or a header or cookie by name."""

    by: Annotated[StickyBy, Field(strict=False)] = StickyBy.CLIENT
    name: str | None = None

    def stickiness(self) -> Stickiness:
        """As the domain has it."""
        return Stickiness(self.by, self.name)


class TrafficBody(RequestBody):
    """How the requests of a model are divided; of the versions, callers of the last one stay when it grows."""

    shares: list[ShareBody] = Field(min_length=1)
    sticky: StickyBody | None = None
    shadow: ShareBody | None = Field(default=None, description="gets copies, and its answers go to nobody")
    reason: Reason = ""

    def split(self) -> Split:
        """As the domain has it."""
        return Split(
            shares=tuple(Share(share.version, share.percent) for share in self.shares),
            sticky=None if self.sticky is None else self.sticky.stickiness(),
            shadow=None if self.shadow is None else Shadow(self.shadow.version, self.shadow.percent),
        )


class ShareAnswer(Answer):
    """A version and its percentage."""

    version: int
    percent: float


class StickyAnswer(Answer):
    """What a caller is known by."""

    by: StickyBy
    name: str | None


class TrafficAnswer(Answer):
    """The split of a model."""

    name: str
    shares: list[ShareAnswer]
    sticky: StickyAnswer | None
    shadow: ShareAnswer | None
    rollout_id: str | None
    updated_by: str
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, traffic: Traffic) -> "TrafficAnswer":
        """The split on the wire."""
        split = traffic.split
        return cls(
            name=traffic.model_name,
            shares=[ShareAnswer(version=share.version, percent=share.percent) for share in split.shares],
            sticky=None if split.sticky is None else StickyAnswer(by=split.sticky.by, name=split.sticky.name),
            shadow=(
                None
                if split.shadow is None
                else ShareAnswer(version=split.shadow.version, percent=split.shadow.percent)
            ),
            rollout_id=traffic.rollout_id,
            updated_by=traffic.updated_by,
            updated_at=traffic.updated_at,
            revision=traffic.revision,
        )


class TrafficsAnswer(Answer):
    """All splits of a tenant."""

    traffic: list[TrafficAnswer]
