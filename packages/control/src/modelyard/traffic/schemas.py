"""Splits on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from modelyard.gateway_node.comparer import ComparisonCounters
from modelyard.http.bodies import RequestBody
from modelyard.registry.schemas import Answer
from modelyard.traffic.domain import Shadow, Share, Split, Stickiness, StickyBy, Traffic

Percent = Annotated[float, Field(ge=0, le=100)]
Reason = Annotated[str, Field(max_length=2000)]


class ShareBody(RequestBody):
    """A version and its percentage."""

    version: int = Field(ge=1)
    percent: Percent


class ShadowBody(ShareBody):
    """A version that gets copies of a percentage of the requests, and whose answers go to nobody."""

    tolerance: float | None = Field(
        default=1e-3,
        description="numbers of its answers that differ by less from those that callers get, relative to the larger "
        "one, are equal; null: its answers are not compared",
    )

    def shadow(self) -> Shadow:
        """As the domain has it."""
        return Shadow(self.version, self.percent, self.tolerance)


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
    shadow: ShadowBody | None = Field(default=None, description="gets copies, and its answers go to nobody")
    reason: Reason = ""

    def split(self) -> Split:
        """As the domain has it."""
        return Split(
            shares=tuple(Share(share.version, share.percent) for share in self.shares),
            sticky=None if self.sticky is None else self.sticky.stickiness(),
            shadow=None if self.shadow is None else self.shadow.shadow(),
        )


class ShareAnswer(Answer):
    """A version and its percentage."""

    version: int
    percent: float


class ShadowAnswer(ShareAnswer):
    """A version that gets copies, and the tolerance by which its answers are compared; null: they are not."""

    tolerance: float | None


class StickyAnswer(Answer):
    """What a caller is known by."""

    by: StickyBy
    name: str | None


class TrafficAnswer(Answer):
    """The split of a model."""

    name: str
    shares: list[ShareAnswer]
    sticky: StickyAnswer | None
    shadow: ShadowAnswer | None
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
                else ShadowAnswer(
                    version=split.shadow.version, percent=split.shadow.percent, tolerance=split.shadow.tolerance
                )
            ),
            rollout_id=traffic.rollout_id,
            updated_by=traffic.updated_by,
            updated_at=traffic.updated_at,
            revision=traffic.revision,
        )


class TrafficsAnswer(Answer):
    """All splits of a tenant."""

    traffic: list[TrafficAnswer]


class DifferenceAnswer(Answer):
    """One request on which both versions differed."""

    request_id: str
    difference: str


class ComparisonAnswer(Answer):
    """A shadow beside the version that answers callers: a sample, of nodes of the gateway that run, since they started.

    In a roll-out they are the candidate and the former version.
    """

    former: int
    candidate: int
    tolerance: float | None = Field(description="null: answers are not compared")
    compared: int
    different: int
    former_ms: float | None = Field(description="the mean time of its answers")
    candidate_ms: float | None
    differences: list[DifferenceAnswer] = Field(description="the last ones")

    @classmethod
    def of(
        cls, found: Sequence[ComparisonCounters], *, former: int, candidate: int, tolerance: float | None
    ) -> "ComparisonAnswer":
        """All nodes together, on the wire."""
        compared = sum(each.compared for each in found)
        examples = [example for each in found for example in each.examples]
        return cls(
            former=former,
            candidate=candidate,
            tolerance=tolerance,
            compared=compared,
            different=sum(each.different for each in found),
            former_ms=sum(each.against_ms for each in found) / compared if compared else None,
            candidate_ms=sum(each.backend_ms for each in found) / compared if compared else None,
            differences=[DifferenceAnswer(request_id=one.request_id, difference=one.difference) for one in examples],
        )
