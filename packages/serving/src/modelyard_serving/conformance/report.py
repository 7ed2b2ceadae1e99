"""What a run found, its score, and its JSON form for storage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelyard_serving.conformance.rules import Level, Rule, Transport
from modelyard_serving.conformance.suite import Outcome, Result, worst

SCHEMA = "modelyard.conformance/1"


@dataclass(frozen=True, slots=True)
class Score:
    """How many rules passed of those that apply."""

    passed: int
    failed: int
    skipped: int

    @classmethod
    def of(cls, results: Iterable[Result]) -> "Score":
        """The score of some results."""
        outcomes = [result.outcome for result in results]
        return cls(*(outcomes.count(outcome) for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.SKIP)))

    def __str__(self) -> str:
        asked = self.passed + self.failed
        return f"{self.passed}/{asked}" if asked else "-"


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run against one server."""

    label: str
    url: str
    grpc: str | None
    models: tuple[str, ...]
    server: str
    at: str
    results: tuple[Result, ...]

    @property
    def is_conformant(self) -> bool:
        """Whether no MUST fails."""
        return not any(r.outcome is Outcome.FAIL and r.rule.level is Level.MUST for r in self.results)

    def merged(self, other: "Report") -> "Report":
        """Two runs over models of the same server as one: a rule has to hold in both."""
        others = {result.rule.id: result for result in other.results}
        results = tuple(worst(result, others.get(result.rule.id, result)) for result in self.results)
        return replace(self, models=(*self.models, *other.models), results=results)

    def scores(self) -> dict[tuple[Transport, Level], Score]:
        """The score for each transport and level."""
        return {
            (transport, level): Score.of(
                result for result in self.results if (result.rule.transport, result.rule.level) == (transport, level)
            )
            for transport in Transport
            for level in Level
        }

    def to_json(self) -> dict[str, Any]:
        """Its form as JSON; `from_json` reads it."""
        return {
            "schema": SCHEMA,
            "label": self.label,
            "url": self.url,
            "grpc": self.grpc,
            "models": list(self.models),
            "server": self.server,
            "at": self.at,
            "conformant": self.is_conformant,
            "results": [_result_to_json(result) for result in self.results],
        }


def from_json(data: Mapping[str, Any]) -> Report:
    """Read what `Report.to_json` wrote. Raises ValueError for anything else."""
    if data.get("schema") != SCHEMA:
        raise ValueError(f"expected the schema {SCHEMA}, {data.get('schema')!r} came")
    head = {field: data[field] for field in ("label", "url", "grpc", "server", "at")}
    return Report(**head, models=tuple(data["models"]), results=_results(data["results"]))


def _result_to_json(result: Result) -> dict[str, Any]:
    rule = result.rule
    return {
        "id": rule.id,
        "title": rule.title,
        "section": rule.section,
        "group": rule.group,
        "level": rule.level,
        "transport": rule.transport,
        "outcome": result.outcome,
        **({"reason": result.reason} if result.reason else {}),
        **({"evidence": result.evidence} if result.evidence else {}),
    }


def _results(items: Sequence[Mapping[str, Any]]) -> tuple[Result, ...]:
    return tuple(
        Result(
            Rule(
                item["id"],
                item["title"],
                item["section"],
                item["group"],
                Level(item["level"]),
                Transport(item["transport"]),
            ),
            Outcome(item["outcome"]),
            item.get("reason", ""),
            item.get("evidence", ""),
        )
        for item in items
    )
