"""Azure API Management: what differs there from the gateway, what it has, and pushing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard_client.jobs import Submission
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_APIM = "/api/v1/gateway/azure-apim"
_PUSHES = ("api", "v1", "gateway", "azure-apim", "pushes")


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldChange:
    """A field that is not as it shall be."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceStep:
    """What a push does about a resource."""

    action: str
    """create, update, unchanged, delete, surplus (ours, deleted only when pruned) or foreign (somebody else's)."""
    resource: str
    differences: tuple[FieldChange, ...]

    @classmethod
    def from_json(cls, value: object) -> "ResourceStep":
        """Read a step of the API."""
        fields = Fields(value, noun="step")
        found = (Fields(each, noun="difference") for each in fields.items("differences"))
        return cls(
            action=fields.text("action"),
            resource=fields.text("resource"),
            differences=tuple(
                FieldChange(field=each.text("field"), before=each.text("found"), after=each.text("wanted"))
                for each in found
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsupported:
    """An object that is not pushed."""

    subject: str
    field: str | None
    """What Azure cannot honour; None where the object answers nobody here either."""
    reason: str

    @classmethod
    def from_json(cls, value: object) -> "Unsupported":
        """Read a refusal, or a skipped object, of the API."""
        fields = Fields(value, noun="refusal")
        return cls(subject=fields.text("subject"), field=fields.optional_text("field"), reason=fields.text("reason"))


@dataclass(frozen=True, kw_only=True, slots=True)
class PushPlan:
    """What a push would do now."""

    digest: str
    changes: int
    drift: int
    steps: tuple[ResourceStep, ...]
    refusals: tuple[Unsupported, ...]
    skipped: tuple[Unsupported, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AzureResource:
    """A resource that Azure has."""

    resource: str
    written_by: str | None
    """The installation of Modelyard that wrote it; None: somebody else."""
    properties: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class AzureResources:
    """Everything of the gateway's kinds that Azure has."""

    service: str
    gateway_url: str | None
    addresses: tuple[str, ...]
    resources: tuple[AzureResource, ...]


class AzureApim:
    """`client.azure_apim`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def plan(self, *, prune: bool = False, adopt: bool = False) -> PushPlan:
        """What a push would do now. Changes nothing.

        Args:
            prune: delete what is ours there and wanted no more.
            adopt: take over resources that have the names of ours and no mark.

        Raises:
            NotFound: no service is configured.
            Unavailable: Azure does not answer.
        """
        query = {"prune": str(prune).lower(), "adopt": str(adopt).lower()}
        fields = Fields(self._transport.get(f"{_APIM}/plan", query=query), noun="plan")
        return PushPlan(
            digest=fields.text("digest"),
            changes=fields.integer("changes"),
            drift=fields.integer("drift"),
            steps=tuple(ResourceStep.from_json(each) for each in fields.items("steps")),
            refusals=tuple(Unsupported.from_json(each) for each in fields.items("refusals")),
            skipped=tuple(Unsupported.from_json({"field": None, **each}) for each in fields.items("skipped")),
        )

    def resources(self) -> AzureResources:
        """What Azure has, whoever wrote it."""
        fields = Fields(self._transport.get(f"{_APIM}/resources"), noun="resources")
        service = Fields(fields.mapping("service"), noun="service")
        found = (Fields(each, noun="resource") for each in fields.items("resources"))
        return AzureResources(
            service=service.text("name"),
            gateway_url=service.optional_text("gateway_url"),
            addresses=tuple(map(str, service.items("addresses"))),
            resources=tuple(
                AzureResource(
                    resource=each.text("resource"),
                    written_by=each.optional_text("written_by"),
                    properties=each.mapping("properties"),
                )
                for each in found
            ),
        )

    def push(self, *, prune: bool = False, adopt: bool = False, plan: str | None = None) -> Submission:
        """A job that makes Azure have what the gateway says; the one that is under way.

        Args:
            prune: as of `plan`.
            adopt: as of `plan`.
            plan: the digest of the plan that was looked at; another one is not made.

        Raises:
            Invalid: the gateway has what Azure cannot honour.
            Conflict: the plan is another one by now.
        """
        body = {"prune": prune, "adopt": adopt, "plan": plan}
        return Submission.from_json(self._transport.post(f"{_APIM}/push", body, is_repeatable=True))

    def changed_by(self, job_id: str) -> tuple[str, ...]:
        """The resources that a push has changed by now."""
        fields = Fields(self._transport.get(path(*_PUSHES, job_id)), noun="push")
        return tuple(map(str, fields.items("changed")))
