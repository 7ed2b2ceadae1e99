"""Roll-outs, the plans of promotions, and how requests of models are divided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_ROLLOUTS = ("api", "v1", "rollouts")
_PLANS = ("api", "v1", "rollout-plans")
_TRAFFIC = ("api", "v1", "gateway", "traffic")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a guardrail says of a candidate: worse, not_worse or too_little_data, and why."""

    guardrail: str
    verdict: str
    message: str

    @classmethod
    def from_json(cls, value: object) -> "Finding":
        """Read a finding of the API."""
        fields = Fields(value, noun="finding")
        return cls(guardrail=fields.text("guardrail"), verdict=fields.text("verdict"), message=fields.text("message"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """A version that takes over from another one, step by step."""

    rollout_id: str
    name: str
    former: int
    candidate: int
    status: str
    """pending, running, paused, waiting, warm, done, rolling_back or rolled_back."""
    step: int
    """From 0."""
    steps: tuple[str, ...]
    step_since: datetime | None
    percent: float
    """Of the requests, that the candidate answers."""
    shadow_percent: float
    """Of the requests, that it gets copies of."""
    reason: str | None
    findings: tuple[Finding, ...]
    step_requests: int
    request_id: str | None
    """The request for production that it waits for."""
    job_id: str | None
    is_promoted: bool
    plan: Mapping[str, Any]
    created_by: str
    created_at: datetime | None
    revision: int

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in {"done", "rolled_back"}

    @classmethod
    def from_json(cls, value: object) -> "Rollout":
        """Read a roll-out of the API."""
        fields = Fields(value, noun="roll-out")
        return cls(
            rollout_id=fields.text("rollout_id"),
            name=fields.text("name"),
            former=fields.integer("former"),
            candidate=fields.integer("candidate"),
            status=fields.text("status"),
            step=fields.integer("step"),
            steps=tuple(str(step) for step in fields.items("steps")),
            step_since=fields.optional_time("step_since"),
            percent=fields.optional_number("percent") or 0.0,
            shadow_percent=fields.optional_number("shadow_percent") or 0.0,
            reason=fields.optional_text("reason"),
            findings=tuple(Finding.from_json(item) for item in fields.items("findings")),
            step_requests=fields.integer("step_requests"),
            request_id=fields.optional_text("request_id"),
            job_id=fields.optional_text("job_id"),
            is_promoted=fields.boolean("is_promoted"),
            plan=fields.mapping("plan"),
            created_by=fields.text("created_by"),
            created_at=fields.optional_time("created_at"),
            revision=fields.integer("revision"),
        )


class Rollouts:
    """`client.rollouts`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(self, name: str, *, version: int | None = None, plan: Mapping[str, Any] | None = None) -> Rollout:
        """Have a version in staging take over from the version in production.

        Args:
            name: the model's.
            version: that in staging, where it is left out.
            plan: `steps`, `guardrails`, `sticky`, `warm_seconds`, `ready_seconds`; if it is left out the model's own or
                the default one.

        Raises:
            Conflict: one is under way, nothing is in production, the version is not in staging, or production does not
                serve.
        """
        body = {"name": name, "version": version, "plan": plan}
        given = {field: value for field, value in body.items() if value is not None}
        return Rollout.from_json(self._transport.post(path(*_ROLLOUTS), given))

    def list(
        self, name: str | None = None, *, status: str | None = None, limit: int | None = None
    ) -> Iterator[Rollout]:
        """Roll-outs, newest first."""
        query = {"name": name, "status": status}
        for item in self._transport.pages(path(*_ROLLOUTS), plural="rollouts", query=query, limit=limit):
            yield Rollout.from_json(item)

    def get(self, rollout_id: str) -> Rollout:
        """One roll-out.

        Raises:
            NotFound: there is no such roll-out.
        """
        return Rollout.from_json(self._transport.get(path(*_ROLLOUTS, rollout_id)))

    def comparison(self, rollout_id: str) -> Mapping[str, Any]:
        """How the candidate's answers as a shadow compare with those that callers get.

        The versions `former` and `candidate`, the `tolerance`, `compared`, `different`, the mean times, and the last
        `differences` with their request ids.
        """
        return dict(self._transport.get(path(*_ROLLOUTS, rollout_id, "comparison")))

    def analysis(self, rollout_id: str) -> Mapping[str, Any]:
        """The evidence of each guardrail over the requests of the candidate.

        `guardrails`: of each `verdict`, `candidate`, `former`, the bounds `worse_bound` and `not_worse_bound`, and
        `points` with the e-values `worse` and `not_worse` as decimal logarithms.
        """
        return dict(self._transport.get(path(*_ROLLOUTS, rollout_id, "analysis")))

    def latest(self, name: str) -> Rollout | None:
        """The newest one of a model; None where it never had any."""
        return next(self.list(name, limit=1), None)

    def pause(self, rollout_id: str, *, reason: str = "") -> Rollout:
        """Stay in this step until it is resumed."""
        return self._ask(rollout_id, "pause", reason)

    def resume(self, rollout_id: str, *, reason: str = "") -> Rollout:
        """Go on."""
        return self._ask(rollout_id, "resume", reason)

    def promote(self, rollout_id: str, *, reason: str = "") -> Rollout:
        """Leave out all steps but the last one; it needs the same approval as ever."""
        return self._ask(rollout_id, "promote", reason)

    def abort(self, rollout_id: str, *, reason: str = "") -> Rollout:
        """Send all requests to the former version with this call, and take the candidate back."""
        return self._ask(rollout_id, "abort", reason)

    def plan(self, name: str) -> Mapping[str, Any]:
        """The plan by which promotions of a model are rolled out.

        Raises:
            NotFound: it has none.
        """
        return Fields(self._transport.get(path(*_PLANS, name)), noun="plan").mapping("plan")

    def set_plan(self, name: str, plan: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have each promotion of a model rolled out by this plan."""
        return Fields(self._transport.put(path(*_PLANS, name), plan), noun="plan").mapping("plan")

    def remove_plan(self, name: str) -> None:
        """Have promotions of a model take all requests at once again."""
        self._transport.delete(path(*_PLANS, name))

    def _ask(self, rollout_id: str, verb: str, reason: str) -> Rollout:
        return Rollout.from_json(self._transport.post(path(*_ROLLOUTS, rollout_id, verb), {"reason": reason}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """How the requests of a model are divided."""

    name: str
    shares: Mapping[int, float]
    """Percentages by version, in order."""
    sticky: Mapping[str, Any] | None
    shadow: tuple[int, float] | None
    """A version, and of which percentage it gets copies."""
    tolerance: float | None
    """By which numbers of the shadow's answers may differ; None where its answers are not compared."""
    rollout_id: str | None
    revision: int

    @classmethod
    def from_json(cls, value: object) -> "Traffic":
        """Read a split of the API."""
        fields = Fields(value, noun="split")
        shadow = fields.optional_mapping("shadow")
        return cls(
            name=fields.text("name"),
            shares={int(share["version"]): float(share["percent"]) for share in fields.items("shares")},
            sticky=fields.optional_mapping("sticky"),
            shadow=None if shadow is None else (int(shadow["version"]), float(shadow["percent"])),
            tolerance=None if shadow is None else Fields(shadow, noun="shadow").optional_number("tolerance"),
            rollout_id=fields.optional_text("rollout_id"),
            revision=fields.integer("revision"),
        )


class TrafficSplits:
    """`client.traffic`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Sequence[Traffic]:
        """The models whose requests are divided."""
        fields = Fields(self._transport.get(path(*_TRAFFIC)), noun="page of splits")
        return [Traffic.from_json(item) for item in fields.items("traffic")]

    def get(self, name: str) -> Traffic:
        """How the requests of a model are divided.

        Raises:
            NotFound: they are not.
        """
        return Traffic.from_json(self._transport.get(path(*_TRAFFIC, name)))

    def set(
        self,
        name: str,
        shares: Mapping[int, float],
        *,
        sticky: Mapping[str, str] | None = None,
        shadow: tuple[int, float] | None = None,
        tolerance: float | None = 1e-3,
        reason: str = "",
    ) -> Traffic:
        """Divide the requests of a model.

        Args:
            name: the model's.
            shares: percentages by version; their sum is 100. Callers of the last version stay when it grows.
            sticky: `{"by": "client"}`, or `header` or `cookie` with its `name`.
            shadow: a version, and of which percentage it gets copies.
            tolerance: numbers of the shadow's answers that differ by less from those that callers get, relative to the
                larger one, are equal; None: its answers are not compared.
            reason: for the audit log.
        """
        body = {
            "shares": [{"version": version, "percent": percent} for version, percent in shares.items()],
            "sticky": None if sticky is None else dict(sticky),
            "shadow": None if shadow is None else {"version": shadow[0], "percent": shadow[1], "tolerance": tolerance},
            "reason": reason,
        }
        return Traffic.from_json(self._transport.put(path(*_TRAFFIC, name), body))

    def comparison(self, name: str) -> Mapping[str, Any]:
        """How the answers of a model's shadow compare with those that callers get.

        As `client.rollouts.comparison`: `former` is the version that answers, `candidate` the shadow.

        Raises:
            NotFound: no version gets copies.
        """
        return dict(self._transport.get(path(*_TRAFFIC, name, "comparison")))

    def remove(self, name: str) -> None:
        """Send all requests of a model to its version in production again."""
        self._transport.delete(path(*_TRAFFIC, name))
