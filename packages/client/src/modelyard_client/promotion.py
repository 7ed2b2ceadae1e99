"""Stages, requests for production, and the policies that govern them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.errors import NotFound
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_REGISTRY = ("api", "v1", "ml", "registry")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One point of a policy on one version. `rule` is like `metric:auc`."""

    rule: str
    is_met: bool
    message: str

    @classmethod
    def from_json(cls, value: object) -> "Finding":
        """Read a finding of the API."""
        fields = Fields(value, noun="finding")
        return cls(rule=fields.text("rule"), is_met=bool(fields.value("is_met")), message=fields.text("message"))


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotionRequest:
    """A request that a version go to production: requested, approved, rejected, withdrawn or expired."""

    request_id: str
    name: str
    version: int
    status: str
    comment: str | None
    requested_by: str | None
    requested_at: datetime | None
    expires_at: datetime | None
    findings: tuple[Finding, ...]
    needed_approvals: int
    approvers: tuple[str, ...]
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    revision: int

    @classmethod
    def from_json(cls, value: object) -> "PromotionRequest":
        """Read a request of the API."""
        fields = Fields(value, noun="request")
        return cls(
            request_id=fields.text("request_id"),
            name=fields.text("name"),
            version=fields.integer("version"),
            status=fields.text("status"),
            comment=fields.optional_text("comment"),
            requested_by=fields.optional_text("requested_by"),
            requested_at=fields.optional_time("requested_at"),
            expires_at=fields.optional_time("expires_at"),
            findings=tuple(Finding.from_json(item) for item in fields.items("findings")),
            needed_approvals=fields.integer("needed_approvals"),
            approvers=tuple(Fields(item, noun="approval").text("subject") for item in fields.items("approvals")),
            decided_by=fields.optional_text("decided_by"),
            decided_at=fields.optional_time("decided_at"),
            reason=fields.optional_text("reason"),
            revision=fields.integer("revision"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """Where a version is now; with the request that was made, when it shall go to production."""

    name: str
    version: int
    stage: str
    revision: int
    request: PromotionRequest | None

    @classmethod
    def from_json(cls, value: object) -> "Staged":
        """Read a stage of the API."""
        fields = Fields(value, noun="stage")
        request = fields.value("request")
        return cls(
            name=fields.text("name"),
            version=fields.integer("version"),
            stage=fields.text("stage"),
            revision=fields.integer("revision"),
            request=None if request is None else PromotionRequest.from_json(request),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a promotion of one model needs, as the API's JSON, and its revision (0: the default)."""

    name: str
    policy: Mapping[str, Any]
    revision: int

    @classmethod
    def from_json(cls, value: object) -> "Policy":
        """Read a policy of the API."""
        fields = Fields(value, noun="policy")
        return cls(name=fields.text("name"), policy=fields.mapping("policy"), revision=fields.integer("revision"))


class Promotion:
    """`client.promotion`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def move(self, name: str, version: int, stage: str, *, comment: str, revision: int | None = None) -> Staged:
        """Move a version to a stage; for production, ask for it. Asked twice it is one request.

        Args:
            revision: that of the version which was seen.

        Raises:
            Conflict: the version's stage does not allow it.
            PreconditionFailed: it was changed concurrently.
        """
        body = {"stage": stage, "comment": comment}
        return Staged.from_json(
            self._transport.post(_model(name, "versions", str(version), "stage"), body, revision=revision)
        )

    def rollback(self, name: str, *, comment: str, revision: int | None = None) -> Staged:
        """Put the version that was in production before back there.

        Args:
            revision: that of the model which was seen; without it, of two that go back at once the second undoes the
                first.

        Raises:
            Conflict: there was none.
            PreconditionFailed: it was changed concurrently.
        """
        return Staged.from_json(self._transport.post(_model(name, "rollback"), {"comment": comment}, revision=revision))

    def requests(
        self, *, name: str | None = None, status: str | None = None, limit: int | None = None
    ) -> Iterator[PromotionRequest]:
        """Requests, newest first, fetched page by page as they are asked for."""
        query = {"name": name, "status": status}
        pages = self._transport.pages(path(*_REGISTRY, "requests"), plural="requests", query=query, limit=limit)
        return (PromotionRequest.from_json(item) for item in pages)

    def request(self, name: str, request_id: str) -> PromotionRequest:
        """One request."""
        return PromotionRequest.from_json(self._transport.get(_model(name, "requests", request_id)))

    def open_request(self, name: str, version: int) -> PromotionRequest:
        """The request of this version that is not decided.

        Raises:
            NotFound: there is none.
        """
        for request in self.requests(name=name, status="requested"):
            if request.version == version:
                return request
        raise NotFound(f"version {version} of {name} has no open request", code="request_not_found")

    def approve(self, request: PromotionRequest, *, comment: str = "") -> PromotionRequest:
        """Agree to the request as it was seen: it is refused when it has changed since."""
        return self._decide(request, "approve", comment)

    def reject(self, request: PromotionRequest, *, comment: str = "") -> PromotionRequest:
        """Say no."""
        return self._decide(request, "reject", comment)

    def withdraw(self, request: PromotionRequest, *, comment: str = "") -> PromotionRequest:
        """Take one's own request back."""
        return self._decide(request, "withdraw", comment)

    def policy(self, name: str) -> Policy:
        """What a promotion of this model needs."""
        return Policy.from_json(self._transport.get(_model(name, "policy")))

    def set_policy(self, name: str, policy: Mapping[str, Any], *, revision: int | None = None) -> Policy:
        """Put a policy in place of the one before.

        Args:
            revision: that of the policy which was seen; the call is refused when there is a later one.

        Raises:
            PreconditionFailed: it was changed concurrently.
        """
        return Policy.from_json(self._transport.put(_model(name, "policy"), dict(policy), revision=revision))

    def _decide(self, request: PromotionRequest, verb: str, comment: str) -> PromotionRequest:
        where = _model(request.name, "requests", request.request_id, verb)
        answer = self._transport.post(where, {"comment": comment}, revision=request.revision)
        return PromotionRequest.from_json(answer)


def _model(name: str, *rest: str) -> str:
    return path(*_REGISTRY, "models", name, *rest)
