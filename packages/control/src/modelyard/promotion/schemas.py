"""Stages, policies, checks and requests on the wire."""

from datetime import datetime

from pydantic import BaseModel, Field

from modelyard.http.bodies import RequestBody
from modelyard.promotion.domain import Request
from modelyard.promotion.policy import Baseline, Evidence, Finding, MetricRequirement, Policy
from modelyard.registry.metrics import Direction, MetricRule
from modelyard.registry.states import Stage


class StageChange(RequestBody):
    """Where a version shall go, and why."""

    stage: Stage = Field(strict=False)
    comment: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class Comment(RequestBody):
    """Why."""

    comment: str = Field(default="", max_length=2000)


class CheckRecord(RequestBody):
    """That a version passed a check, or did not."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")
    is_passed: bool
    details: str = Field(default="", max_length=2000)


class MetricRequirementBody(RequestBody):
    """A metric that must be there and good enough."""

    metric: str = Field(min_length=1, max_length=250)
    direction: Direction | None = Field(
        default=None,
        strict=False,
        description="null: as `metric_rules` declares it, else as the metric's name says",
    )
    baseline: Baseline = Field(default=Baseline.ABSOLUTE, strict=False)
    # Within what every database gives back digit by digit, since the audit log hashes it.
    threshold: float = Field(default=0.0, ge=-1e15, le=1e15)


class MetricRuleBody(RequestBody):
    """Which way a metric is better, and what difference counts."""

    direction: Direction = Field(strict=False)
    tolerance: float = Field(default=1e-9, ge=0, le=1, description="relative to the larger of the two values")


class PolicyBody(RequestBody):
    """What a promotion to production of one model needs."""

    needed_approvals: int = Field(default=1, ge=1, le=20)
    approvers: list[str] = Field(default=[], max_length=100)
    metrics: list[MetricRequirementBody] = Field(default=[], max_length=50)
    metric_rules: dict[str, MetricRuleBody] = Field(default={}, max_length=200)
    tags: dict[str, str | None] = Field(default={}, max_length=50)
    checks: list[str] = Field(default=[], max_length=50)
    expires_after_hours: float = Field(default=14 * 24.0, gt=0, le=24 * 365)
    auto_staging: bool = False
    evidence: Evidence = Field(
        default=Evidence.MEASURED,
        strict=False,
        description="which metrics count: those that a run measured, or also those that a caller claimed",
    )

    def policy(self) -> Policy:
        """As the domain knows it."""
        metrics = [
            MetricRequirement(
                metric=item.metric, direction=item.direction, baseline=item.baseline, threshold=item.threshold + 0.0
            )
            for item in self.metrics
        ]
        return Policy(
            needed_approvals=self.needed_approvals,
            approvers=tuple(self.approvers),
            metrics=tuple(metrics),
            metric_rules={name: MetricRule(rule.direction, rule.tolerance) for name, rule in self.metric_rules.items()},
            tags=self.tags,
            checks=tuple(self.checks),
            expires_after_hours=self.expires_after_hours,
            auto_staging=self.auto_staging,
            evidence=self.evidence,
        )

    @classmethod
    def of(cls, policy: Policy) -> "PolicyBody":
        """The policy on the wire."""
        metrics = [
            MetricRequirementBody(
                metric=item.metric, direction=item.direction, baseline=item.baseline, threshold=item.threshold
            )
            for item in policy.metrics
        ]
        return cls(
            needed_approvals=policy.needed_approvals,
            approvers=list(policy.approvers),
            metrics=metrics,
            metric_rules={
                name: MetricRuleBody(direction=rule.direction, tolerance=rule.tolerance)
                for name, rule in policy.metric_rules.items()
            },
            tags=dict(policy.tags),
            checks=list(policy.checks),
            expires_after_hours=policy.expires_after_hours,
            auto_staging=policy.auto_staging,
            evidence=policy.evidence,
        )


class FindingAnswer(BaseModel):
    """One point of the policy, with what was expected and what was found."""

    rule: str
    is_met: bool
    message: str

    @classmethod
    def of(cls, finding: Finding) -> "FindingAnswer":
        """The finding on the wire."""
        return cls(rule=finding.rule, is_met=finding.is_met, message=finding.message)


class ApprovalAnswer(BaseModel):
    """One approver's yes."""

    subject: str
    at: datetime
    comment: str


class RequestAnswer(BaseModel):
    """A request for promotion as it stands."""

    request_id: str
    name: str
    version: int
    status: str
    comment: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    findings: list[FindingAnswer]
    needed_approvals: int
    approvals: list[ApprovalAnswer]
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    revision: int

    @classmethod
    def of(cls, request: Request) -> "RequestAnswer":
        """The request on the wire."""
        return cls(
            request_id=request.request_id,
            name=request.model_name,
            version=request.version,
            status=request.status,
            comment=request.comment,
            requested_by=request.requested_by,
            requested_at=request.requested_at,
            expires_at=request.expires_at,
            findings=[FindingAnswer.of(finding) for finding in request.findings],
            needed_approvals=request.needed_approvals,
            approvals=[
                ApprovalAnswer(subject=approval.subject, at=approval.at, comment=approval.comment)
                for approval in request.approvals
            ],
            decided_by=request.decided_by,
            decided_at=request.decided_at,
            reason=request.reason,
            revision=request.revision,
        )


class RequestsAnswer(BaseModel):
    """A page of requests, newest first."""

    requests: list[RequestAnswer]
    next_cursor: str | None


class StageAnswer(BaseModel):
    """Where a version is now; with the request that was made, when it wants into production."""

    name: str
    version: int
    stage: str
    revision: int
    request: RequestAnswer | None


class PolicyAnswer(BaseModel):
    """A model's policy."""

    name: str
    policy: PolicyBody
    revision: int


class FindingsAnswer(BaseModel):
    """What the policy says of a version now."""

    name: str
    version: int
    is_met: bool
    findings: list[FindingAnswer]


class ChecksAnswer(BaseModel):
    """The checks of a version, and whether it passed them."""

    name: str
    version: int
    checks: dict[str, bool]
