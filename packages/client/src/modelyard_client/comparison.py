"""Versions of one model side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedMetric:
    """One metric over the versions, in their order; verdicts (better, worse, equal, unknown) are against the first."""

    name: str
    direction: str
    tolerance: float | None
    values: tuple[float | None, ...]
    verdicts: tuple[str, ...]
    claimed: tuple[bool, ...]
    """Of each value, whether a caller gave it and no run measured it."""

    @classmethod
    def from_json(cls, value: object) -> "ComparedMetric":
        """Read a row of the API."""
        fields = Fields(value, noun="metric")
        return cls(
            name=fields.text("name"),
            direction=fields.text("direction"),
            tolerance=fields.optional_number("tolerance"),
            values=tuple(fields.items("values")),
            verdicts=tuple(fields.items("verdicts")),
            claimed=tuple(fields.items("claimed")) or (False,) * len(fields.items("values")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A parameter, tag or fact that is not the same in all versions; None where a version has none."""

    name: str
    values: tuple[bool | float | str | None, ...]

    @classmethod
    def from_json(cls, value: object) -> "Difference":
        """Read a difference of the API."""
        fields = Fields(value, noun="difference")
        return cls(name=fields.text("name"), values=tuple(fields.items("values")))


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedData:
    """The data for one purpose; `verdict` is same, different or unknown; None where a version recorded none."""

    purpose: str
    verdict: str
    values: tuple[str | None, ...]

    @classmethod
    def from_json(cls, value: object) -> "ComparedData":
        """Read a row of the API."""
        fields = Fields(value, noun="data")
        return cls(purpose=fields.text("purpose"), verdict=fields.text("verdict"), values=tuple(fields.items("values")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What was found. `versions` are in their order, the baseline first; `stages` are theirs."""

    name: str
    versions: tuple[int, ...]
    stages: tuple[str, ...]
    recommendation: str
    recommended_version: int | None
    reasons: tuple[str, ...]
    metrics: tuple[ComparedMetric, ...]
    parameters: tuple[Difference, ...]
    tags: tuple[Difference, ...]
    facts: tuple[Difference, ...]
    data: tuple[ComparedData, ...]
    breaking_changes: Mapping[str, Sequence[str]]

    @classmethod
    def from_json(cls, value: object) -> "Comparison":
        """Read a comparison of the API."""
        fields = Fields(value, noun="comparison")
        compared = [Fields(item, noun="compared version") for item in fields.items("comparison")]
        return cls(
            name=fields.text("name"),
            versions=tuple(version.integer("version") for version in compared),
            stages=tuple(version.text("stage") for version in compared),
            recommendation=fields.text("recommendation"),
            recommended_version=fields.optional_integer("recommended_version"),
            reasons=tuple(fields.items("reasons")),
            metrics=tuple(ComparedMetric.from_json(item) for item in fields.items("metrics")),
            parameters=tuple(Difference.from_json(item) for item in fields.items("parameters")),
            tags=tuple(Difference.from_json(item) for item in fields.items("tags")),
            facts=tuple(Difference.from_json(item) for item in fields.items("facts")),
            data=tuple(ComparedData.from_json(item) for item in fields.items("data")),
            breaking_changes=fields.mapping("breaking_changes"),
        )


class Comparisons:
    """`client.comparisons`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, name: str, versions: Sequence[int]) -> Comparison:
        """Two or more versions side by side.

        Raises:
            NotFound: there is no such model, or not all of the versions.
        """
        return Comparison.from_json(self._transport.get(_path(name, "compare"), query=_query(versions)))

    def picture(self, name: str, versions: Sequence[int]) -> str:
        """The same as an SVG document."""
        headers = {"Accept": "image/svg+xml"}
        return self._transport.send("GET", _path(name, "compare.svg"), query=_query(versions), headers=headers).text


def _path(name: str, what: str) -> str:
    return path("api", "v1", "ml", "registry", "models", name, what)


def _query(versions: Sequence[int]) -> dict[str, str | int | None]:
    return {"versions": ",".join(map(str, versions))}
