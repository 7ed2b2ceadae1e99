"""What a search of the catalogue asks for, and how it is written in a query. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelyard.errors import Invalid
from modelyard.registry.metrics import MAX_METRIC_NAME
from modelyard.registry.states import Stage

MAX_FILTERS = 10
_METRIC = re.compile(r"(?P<name>[^<>=!]+?)\s*(?P<comparison>>=|<=|!=|==|=|>|<)\s*(?P<bound>[^<>=!\s]+)")
_METRIC_ORDER = re.compile(r"-?metrics\.(?P<name>.+)")
_SHOWN = 80


class Comparison(StrEnum):
    """How a metric stands to a number."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"
    EQUAL = "="
    OTHER = "!="


@dataclass(frozen=True, slots=True)
class TagFilter:
    """A tag that must be there with exactly this value."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """A metric that must be there and stand so to the bound."""

    name: str
    comparison: Comparison
    bound: float


@dataclass(frozen=True, slots=True)
class VersionFilter:
    """What a version must meet, all of it. `text` is found anywhere in the description, in any case."""

    stage: Stage | None = None
    tags: Sequence[TagFilter] = ()
    metrics: Sequence[MetricFilter] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """What a model must meet, all of it.

    Stage, metrics and tags must be met by one and the same version; a tag of the model itself counts for each of its
    versions. `text` is found anywhere in the name or the description, in any case.
    """

    stage: Stage | None = None
    tags: Sequence[TagFilter] = ()
    metrics: Sequence[MetricFilter] = ()
    text: str | None = None
    owner: str | None = None


class ModelOrder(StrEnum):
    """What models are listed by; with a hyphen, backwards."""

    NAME = "name"
    NAME_DOWN = "-name"
    CREATED = "created_at"
    CREATED_DOWN = "-created_at"
    UPDATED = "last_updated"
    UPDATED_DOWN = "-last_updated"

    @property
    def is_descending(self) -> bool:
        """Whether the largest comes first."""
        return self.value.startswith("-")


@dataclass(frozen=True, slots=True)
class VersionOrder:
    """Versions by their number, or by a metric, which leaves out those that do not have it."""

    metric: str | None = None
    is_descending: bool = True


EVERY_MODEL = ModelFilter()
EVERY_VERSION = VersionFilter()
NEWEST_FIRST = VersionOrder()


def parse_tags(texts: Sequence[str]) -> tuple[TagFilter, ...]:
    """Filters like `team:fraud`; the key ends at the first colon.

    Raises:
        Invalid: code `tag_invalid`.
    """
    _refuse_many(texts, "tag")
    found = [TagFilter(*text.split(":", 1)) if ":" in text else _bad_tag(text) for text in texts]
    return tuple(tag if tag.key else _bad_tag(f":{tag.value}") for tag in found)


def parse_metrics(texts: Sequence[str]) -> tuple[MetricFilter, ...]:
    """Filters like `accuracy>=0.9`.

    Raises:
        Invalid: code `metric_invalid`.
    """
    _refuse_many(texts, "metric")
    return tuple(_metric(text) for text in texts)


def parse_version_order(text: str) -> VersionOrder:
    """`version`, `-version`, `metrics.<name>` or `-metrics.<name>`.

    Raises:
        Invalid: code `order_invalid`.
    """
    is_descending = text.startswith("-")
    if text in {"version", "-version"}:
        return VersionOrder(is_descending=is_descending)
    found = _METRIC_ORDER.fullmatch(text)
    if found is None or len(found["name"]) > MAX_METRIC_NAME:
        raise Invalid(
            f"order: expected version, metrics.<name>, or one of them after a hyphen, got {text[:_SHOWN]!r}",
            code="order_invalid",
            field="order",
        )
    return VersionOrder(metric=found["name"], is_descending=is_descending)


def _metric(text: str) -> MetricFilter:
    found = _METRIC.fullmatch(text.strip())
    bound = None if found is None else _number(found["bound"])
    if found is None or bound is None or len(found["name"]) > MAX_METRIC_NAME:
        raise Invalid(
            "metric: expected a name, one of >= <= > < = !=, and a finite number, like accuracy>=0.9, got "
            f"{text[:_SHOWN]!r}",
            code="metric_invalid",
            field="metric",
        )
    comparison = found["comparison"]
    return MetricFilter(found["name"], Comparison("=" if comparison == "==" else comparison), bound)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bad_tag(text: str) -> TagFilter:
    raise Invalid(
        f"tag: expected a key, a colon and a value, like team:fraud, got {text[:_SHOWN]!r}",
        code="tag_invalid",
        field="tag",
    )


def _refuse_many(texts: Sequence[str], field: str) -> None:
    if len(texts) > MAX_FILTERS:
        raise Invalid(
            f"{field}: expected at most {MAX_FILTERS}, got {len(texts)}", code=f"{field}_invalid", field=field
        )
