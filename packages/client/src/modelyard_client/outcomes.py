"""What really happened after answers of a model, and two versions compared by it."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What became of the outcomes that were sent."""

    recorded: int
    repeated: int
    contradicting: int
    """They were there already with another value, which stays."""
    unknown: int
    """Their request is not known yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionOutcomes:
    """Outcomes of one version."""

    version: int
    answers: int
    outcomes: int
    mean: float | None

    @classmethod
    def from_json(cls, value: object) -> "VersionOutcomes":
        """Read the outcomes of a version from the API."""
        fields = Fields(value, noun="outcomes")
        return cls(
            version=fields.integer("version"),
            answers=fields.integer("answers"),
            outcomes=fields.integer("outcomes"),
            mean=fields.optional_number("mean"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeReport:
    """Two versions, compared by one metric."""

    metric: str
    control: VersionOutcomes
    candidate: VersionOutcomes
    unknown: int
    difference: Mapping[str, float] | None
    """`estimate` of the candidate's mean less the control's, its bounds `low` and `high`, and whether it
    `is_certain`."""


class Outcomes:
    """`client.outcomes`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def record(self, name: str, outcomes: Mapping[str, float], *, metric: str = "outcome") -> Recorded:
        """Record what happened, by the `x-request-id` of the answers. Sent again it changes nothing.

        Args:
            name: the model's.
            outcomes: 1 or 0 for yes or no, else a number; at most 1,000 at once.
            metric: what was measured.
        """
        body = {"metric": metric, "outcomes": [{"request_id": key, "value": value} for key, value in outcomes.items()]}
        fields = Fields(self._transport.post(_outcomes(name), body), noun="outcomes")
        return Recorded(
            recorded=fields.integer("recorded"),
            repeated=fields.integer("repeated"),
            contradicting=fields.integer("contradicting"),
            unknown=fields.integer("unknown"),
        )

    def report(
        self, name: str, *, control: int, candidate: int, metric: str = "outcome", alpha: float = 0.05
    ) -> OutcomeReport:
        """Two versions, compared, with bounds that hold however often one looks."""
        query: dict[str, str | int | list[str] | None] = {
            "control": control,
            "candidate": candidate,
            "alpha": str(alpha),
        }
        fields = Fields(self._transport.get(f"{_outcomes(name)}{path(metric)}", query=query), noun="report")
        return OutcomeReport(
            metric=fields.text("metric"),
            control=VersionOutcomes.from_json(fields.mapping("control")),
            candidate=VersionOutcomes.from_json(fields.mapping("candidate")),
            unknown=fields.integer("unknown"),
            difference=fields.optional_mapping("difference"),
        )


def _outcomes(name: str) -> str:
    return path("api", "v1", "ml", "registry", "models", name, "outcomes")
