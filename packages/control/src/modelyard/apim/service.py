"""Azure API Management compared with the gateway, and the changes of one round of a push.

No database transaction is open while Azure is asked. What a round has done is not done again by the next: each begins
by looking at what Azure has.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from modelyard.apim.backends import NotReachedError, Reached, refusal_of
from modelyard.apim.domain import Backing, GatewayState, PushedApi, PushedProduct, Refusal, Skipped, Wanted
from modelyard.apim.plan import Action, Plan, Step, Stored, plan_of
from modelyard.apim.reading import read_stored
from modelyard.apim.translation import wanted_of
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.gateway.domain import Api, Release, Revision, Target, VersionSet
from modelyard.ports.api_management import ApiManagement, ServiceFacts
from modelyard.ports.clock import Clock
from modelyard.principals import Principal

logger = structlog.get_logger()


class PushedObjects(Protocol):
    """The objects of the caller's tenant that are pushed."""

    def version_sets(self, principal: Principal) -> Sequence[VersionSet]:
        """All of them."""

    def apis(self, principal: Principal) -> Sequence[Api]:
        """All of them."""

    def revisions(self, principal: Principal, api_id: str) -> Sequence[Revision]:
        """All of an API's."""

    def last_release(self, principal: Principal, api_id: str) -> Release | None:
        """What made the current revision answer; None before the first release."""

    def products(self, principal: Principal) -> Sequence[PushedProduct]:
        """All of them."""

    def refusals(self, principal: Principal) -> Sequence[Refusal]:
        """What the gateway does that Azure API Management cannot: divided traffic, limits of other kinds."""

    def skipped(self, principal: Principal) -> Sequence[Skipped]:
        """What is not pushed, and is no reason to push nothing."""


class Reaching(Protocol):
    """Where Azure reaches what answers an API (`apim/backends.py`)."""

    def reach(self, principal: Principal, target: Target, *, with_document: bool) -> Reached:
        """Where a target is reached.

        Raises:
            NotReachedError: nowhere; it names the target's field.
            NotFound: there is no such deployment or model any more.
        """


@dataclass(frozen=True, slots=True)
class PushOptions:
    """How a push treats what is not wanted, or not ours."""

    prunes: bool = False
    """Delete what is ours and wanted no more."""
    adopts: bool = False
    """Take over resources without a mark that have the names of ours."""


class AzureGateway:
    """Args:
    service: None where the operator has configured none.
    tenant_id: whose gateway is pushed.
    installation: gives the id that marks what we write.
    """

    def __init__(
        self,
        *,
        service: ApiManagement | None,
        objects: PushedObjects,
        backends: Reaching,
        clock: Clock,
        tenant_id: str,
        installation: Callable[[], str],
    ) -> None:
        self._service = service
        self._objects = objects
        self._backends = backends
        self._clock = clock
        self._tenant_id = tenant_id
        self._installation = installation

    def facts(self, principal: Principal) -> ServiceFacts:
        """The service, and where it is called.

        Raises:
            NotFound: code `apim_not_configured`, or `apim_service_not_found`.
            Unavailable: Azure does not answer.
        """
        return self._of(principal).facts()

    def stored(self, principal: Principal) -> Stored:
        """What Azure has, whoever wrote it.

        Raises:
            NotFound, Unavailable: as of `facts`.
        """
        return read_stored(self._of(principal), self.wanted(principal, with_documents=False))

    def plan(self, principal: Principal, options: PushOptions) -> Plan:
        """What a push would do now.

        Raises:
            NotFound, Unavailable: as of `facts`.
        """
        service = self._of(principal)
        wanted = self.wanted(principal)
        return plan_of(
            wanted,
            read_stored(service, wanted),
            installation=self._installation(),
            prunes=options.prunes,
            adopts=options.adopts,
        )

    def wanted(self, principal: Principal, *, with_documents: bool = True, passes_all: bool = True) -> Wanted:
        """The gateway's objects as Azure's resources, and what cannot be one."""
        faults: list[Refusal] = [*self._objects.refusals(principal)]
        apis = [
            self._pushed(principal, api, faults, with_documents=with_documents) for api in self._objects.apis(principal)
        ]
        state = GatewayState(self._objects.version_sets(principal), apis, self._objects.products(principal))
        found = wanted_of(state, self._clock.now(), passes_all=passes_all)
        return Wanted(
            found.resources,
            [*faults, *found.refusals],
            [*found.skipped, *self._objects.skipped(principal)],
            found.offline,
            found.current,
            found.first,
        )

    def make_round(self, principal: Principal, options: PushOptions, *, say: Callable[[str], None]) -> Sequence[str]:
        """Make what differs so; the names of what was changed.

        Raises:
            Invalid: code `apim_unsupported`: the gateway has what Azure cannot honour; nothing was changed.
            Precondition: somebody else changes the same resources now.
        """
        plan = self.plan(principal, options)
        refuse_unsupported(plan.refusals)
        service = self._of(principal)
        return [title for step in plan.changes for title in self._make(service, step, say)]

    def _make(self, service: ApiManagement, step: Step, say: Callable[[str], None]) -> Iterator[str]:
        found = service.find(step.name)
        etag = None if found is None else found.etag
        if step.action is Action.DELETE:
            service.delete(step.name, etag=etag)
        elif step.resource is not None:
            service.put(step.name, step.resource.properties, etag=etag)
        say(f"{step.action} {step.name.title}")
        yield step.name.title

    def _pushed(self, principal: Principal, api: Api, faults: list[Refusal], *, with_documents: bool) -> PushedApi:
        release = self._objects.last_release(principal, api.api_id)
        revisions = sorted(self._objects.revisions(principal, api.api_id), key=lambda each: each.number)
        backings = []
        for revision in revisions if release is not None else ():
            if not revision.is_online:
                continue
            try:
                reached = self._backends.reach(principal, revision.target, with_document=with_documents)
            except (NotReachedError, NotFound) as exc:
                faults.append(refusal_of(api, revision, exc))
                backings.append(Backing(revision, ""))
            else:
                backings.append(Backing(revision, reached.url, reached.document))
        offline = [each.number for each in revisions if not each.is_online]
        return PushedApi(api, backings, offline, release)

    def _of(self, principal: Principal) -> ApiManagement:
        if self._service is None or principal.tenant_id != self._tenant_id:
            raise NotFound(
                "no service of Azure API Management is configured: expected MODELYARD_APIM", code="apim_not_configured"
            )
        return self._service


def refuse_unsupported(refusals: Sequence[Refusal]) -> None:
    """Nothing is pushed while something cannot be honoured.

    Raises:
        Invalid: code `apim_unsupported`; the sentence names each field.
    """
    if refusals:
        raise Invalid(
            f"Azure API Management cannot honour: {'; '.join(each.sentence for each in refusals)}",
            code="apim_unsupported",
        )


def refuse_other_plan(plan: Plan, expected: str | None) -> None:
    """A push makes what was shown.

    Raises:
        Conflict: code `apim_plan_changed`.
    """
    if expected is not None and expected != plan.digest:
        raise Conflict("the plan is another one than was shown: look at it again", code="apim_plan_changed")
