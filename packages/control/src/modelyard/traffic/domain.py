"""How the requests of a model are divided between its versions. Pure."""

import hashlib
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from modelyard.errors import Invalid

MOST_SHARES = 10
WEIGHT_OF_ALL = 10_000
"""Weights are hundredths of a percent of this sum, which never changes: a sticky caller's place in it stays the same
when shares grow."""
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


class StickyBy(StrEnum):
    """What a caller is known by."""

    CLIENT = "client"
    """Its subscription, else its address."""
    HEADER = "header"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Stickiness:
    """A caller stays with its version. A request without the header or the cookie goes anywhere, by the weights."""

    by: StickyBy = StickyBy.CLIENT
    name: str | None = None
    """Of the header or the cookie."""


@dataclass(frozen=True, slots=True)
class Share:
    """A version, and the percentage of the requests that it answers."""

    version: int
    percent: float

    @property
    def weight(self) -> int:
        """Of WEIGHT_OF_ALL."""
        return round(self.percent * WEIGHT_OF_ALL / 100)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A version that gets a copy of a percentage of the requests, and whose answers no caller gets."""

    version: int
    percent: float
    tolerance: float | None = None
    """By which numbers of its answers may differ, relative to the larger one, from those that callers get; None: they
    are not compared."""


@dataclass(frozen=True, slots=True)
class Split:
    """What was asked for. The shares are in order: callers of the first and of the last one stay when it grows."""

    shares: tuple[Share, ...]
    sticky: Stickiness | None = None
    shadow: Shadow | None = None

    @property
    def versions(self) -> frozenset[int]:
        """All that it names."""
        return frozenset(share.version for share in self.shares) | ({self.shadow.version} if self.shadow else set())

    @property
    def answering(self) -> int:
        """The version whose answers those of the shadow are compared with: the first one that answers anybody."""
        return next(share.version for share in self.shares if share.weight)

    def to_json(self) -> dict[str, Any]:
        """As plain values, for a row and for the audit log."""
        sticky, shadow = self.sticky, self.shadow
        return {
            "shares": [{"version": share.version, "percent": share.percent} for share in self.shares],
            "sticky": None if sticky is None else {"by": sticky.by.value, "name": sticky.name},
            "shadow": None if shadow is None else asdict(shadow),
        }

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Split":
        """The same, read."""
        sticky, shadow = content["sticky"], content["shadow"]
        return cls(
            shares=tuple(Share(**share) for share in content["shares"]),
            sticky=None if sticky is None else Stickiness(StickyBy(sticky["by"]), sticky["name"]),
            shadow=None if shadow is None else Shadow(**shadow),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """The split of one model."""

    tenant_id: str
    model_name: str
    split: Split
    salt: str
    """Divides callers independently of other models and of earlier splits; it stays while the split is changed."""
    rollout_id: str | None
    """The roll-out that changes it; nobody else does meanwhile."""
    updated_by: str
    updated_at: datetime
    revision: int

    @property
    def subject(self) -> str:
        """As the audit log names it."""
        return f"traffic/{self.model_name}"

    def part_of(self, version: int) -> str | None:
        """What a version gets, for a sentence; None where it gets nothing."""
        shadow = self.split.shadow
        if shadow is not None and shadow.version == version:
            return f"copies of {shadow.percent:g} %"
        return next(
            (f"{each.percent:g} %" for each in self.split.shares if each.version == version and each.weight), None
        )

    @property
    def comparison(self) -> str | None:
        """What nodes of the gateway report the comparison of its shadow by; None where there is none."""
        shadow = self.split.shadow
        if shadow is None or shadow.tolerance is None:
            return None
        answering = self.split.answering
        return comparison_name(self.salt, answering=answering, shadow=shadow.version, tolerance=shadow.tolerance)


def comparison_name(salt: str, *, answering: int, shadow: int, tolerance: float) -> str:
    """Another one for each split, and for each pair of versions and each tolerance in it: what was found of one never
    counts for another."""
    said = f"{salt} {answering} {shadow} {tolerance:g}"
    return f"cmp-{hashlib.sha256(said.encode()).hexdigest()[:24]}"


def check_split(split: Split) -> None:
    """Raises:
    Invalid: code `traffic_invalid`, with the field.
    """
    shares = split.shares
    if not 1 <= len(shares) <= MOST_SHARES:
        raise _invalid("shares", f"expected 1 to {MOST_SHARES} versions, got {len(shares)}")
    versions = [share.version for share in shares]
    if len(set(versions)) != len(versions):
        raise _invalid("shares", f"expected each version once, got {versions}")
    for index, share in enumerate(shares):
        if not 0 <= share.percent <= 100:
            raise _invalid(f"shares.{index}.percent", f"expected 0 to 100, got {share.percent:g}")
    if sum(share.weight for share in shares) != WEIGHT_OF_ALL:
        total = sum(share.percent for share in shares)
        raise _invalid("shares", f"expected percentages with a sum of 100 and at most two decimals, got {total:g}")
    _check_sticky(split.sticky)
    if split.shadow is None:
        return
    if not 0 < split.shadow.percent <= 100:
        raise _invalid("shadow.percent", f"expected more than 0 and at most 100, got {split.shadow.percent:g}")
    if split.shadow.version in versions:
        raise _invalid("shadow.version", f"expected a version that answers nobody, got {split.shadow.version}")
    if split.shadow.tolerance is not None and not 0 <= split.shadow.tolerance < 1:
        raise _invalid("shadow.tolerance", f"expected at least 0 and less than 1, got {split.shadow.tolerance:g}")


def _check_sticky(sticky: Stickiness | None) -> None:
    if sticky is None:
        return
    if sticky.by is StickyBy.CLIENT:
        if sticky.name is not None:
            raise _invalid("sticky.name", "expected none: a client is known by its subscription or its address")
    elif sticky.name is None or not _FIELD_NAME.fullmatch(sticky.name):
        raise _invalid("sticky.name", f"expected the name of a {sticky.by}, got {sticky.name!r}")


def grown(former: int, candidate: int, percent: float) -> tuple[Share, ...]:
    """The shares of a version in production and of a candidate that has this percentage. The candidate stands last."""
    rest = (WEIGHT_OF_ALL - Share(candidate, percent).weight) * 100 / WEIGHT_OF_ALL
    return (Share(former, rest), Share(candidate, percent))


def _invalid(field: str, said: str) -> Invalid:
    return Invalid(f"{field}: {said}", code="traffic_invalid", field=field)
