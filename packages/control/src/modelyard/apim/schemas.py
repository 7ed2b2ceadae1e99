"""Azure API Management on the wire: the plan, what it has, and a push."""

from typing import Any

from pydantic import BaseModel, Field

from modelyard.apim.domain import Mark, mark_of
from modelyard.apim.plan import Plan, Step, Stored
from modelyard.http.bodies import RequestBody
from modelyard.jobs.domain import Job
from modelyard.ports.api_management import ResourceName, ServiceFacts, StoredResource


class DifferenceAnswer(BaseModel):
    """A property that is not as the gateway says."""

    field: str
    wanted: str
    found: str


class StepAnswer(BaseModel):
    """What a push does about a resource."""

    action: str = Field(description="create, update, unchanged, delete, surplus (ours, only pruned) or foreign")
    resource: str
    differences: list[DifferenceAnswer]

    @classmethod
    def of(cls, step: Step) -> "StepAnswer":
        """A step on the wire."""
        return cls(
            action=step.action,
            resource=step.name.title,
            differences=[
                DifferenceAnswer(field=each.field, wanted=each.wanted, found=each.found) for each in step.differences
            ],
        )


class RefusalAnswer(BaseModel):
    """A field that Azure API Management cannot honour."""

    subject: str
    field: str
    reason: str


class SkippedAnswer(BaseModel):
    """An object of the gateway that is not pushed."""

    subject: str
    reason: str


class PlanAnswer(BaseModel):
    """What a push would do now."""

    digest: str = Field(description="names this plan; a push that gives it makes what was shown, or nothing")
    changes: int
    drift: int = Field(description="resources that are not as the gateway says, those to prune among them")
    steps: list[StepAnswer]
    refusals: list[RefusalAnswer]
    skipped: list[SkippedAnswer]

    @classmethod
    def of(cls, plan: Plan) -> "PlanAnswer":
        """A plan on the wire."""
        return cls(
            digest=plan.digest,
            changes=len(plan.changes),
            drift=sum(step.is_drift for step in plan.steps),
            steps=[StepAnswer.of(step) for step in plan.steps],
            refusals=[
                RefusalAnswer(subject=each.subject, field=each.field, reason=each.reason) for each in plan.refusals
            ],
            skipped=[SkippedAnswer(subject=each.subject, reason=each.reason) for each in plan.skipped],
        )


class ServiceAnswer(BaseModel):
    """The service of Azure API Management."""

    name: str
    gateway_url: str | None
    addresses: list[str]

    @classmethod
    def of(cls, facts: ServiceFacts) -> "ServiceAnswer":
        """The service on the wire."""
        return cls(name=facts.name, gateway_url=facts.gateway_url, addresses=list(facts.addresses))


class StoredAnswer(BaseModel):
    """A resource that Azure has."""

    resource: str
    written_by: str | None = Field(description="the installation of Modelyard that wrote it; null: somebody else")
    properties: dict[str, Any]

    @classmethod
    def of(cls, stored: StoredResource, owner: Mark | None) -> "StoredAnswer":
        """A resource on the wire; ids of others by their names."""
        properties = {
            key: value.title if isinstance(value, ResourceName) else value for key, value in stored.properties.items()
        }
        return cls(
            resource=stored.name.title,
            written_by=None if owner is None else owner.installation,
            properties=properties,
        )


class ResourcesAnswer(BaseModel):
    """Everything of the gateway's kinds that Azure has."""

    service: ServiceAnswer
    resources: list[StoredAnswer]

    @classmethod
    def of(cls, facts: ServiceFacts, stored: Stored) -> "ResourcesAnswer":
        """All of it on the wire, by name."""
        found = sorted(stored.resources.values(), key=lambda each: each.name.title)
        return cls(
            service=ServiceAnswer.of(facts),
            resources=[
                StoredAnswer.of(each, mark_of(each.name.kind, each.properties) or stored.mark(each.name))
                for each in found
            ],
        )


class PushRequest(RequestBody):
    """How to push."""

    prune: bool = Field(default=False, description="delete what is ours there and wanted no more")
    adopt: bool = Field(default=False, description="take over resources that have the names of ours and no mark")
    plan: str | None = Field(default=None, max_length=64, description="the digest of the plan that was shown")


class AcceptedPush(BaseModel):
    """A push's job was made, or is under way."""

    job_id: str
    status: str
    message: str

    @classmethod
    def of(cls, job: Job) -> "AcceptedPush":
        """The job on the wire."""
        message = f"the push was accepted; follow GET /mlops/jobs/{job.job_id}"
        return cls(job_id=job.job_id, status=job.status, message=message)


class PushAnswer(BaseModel):
    """What a push has changed by now."""

    job_id: str
    status: str
    changed: list[str]

    @classmethod
    def of(cls, job: Job) -> "PushAnswer":
        """The job's result on the wire."""
        return cls(job_id=job.job_id, status=job.status, changed=list(job.result.get("changed", [])))
