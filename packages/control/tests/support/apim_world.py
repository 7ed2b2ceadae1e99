"""A gateway whose objects tests change, and a service of Azure API Management to which they are pushed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from azure_api_management import (
    RESOURCE_GROUP,
    SERVICE,
    SUBSCRIPTION,
    ApiManagementService,
    api_management_service,
)
from azure_resource_manager import TOKEN
from gateway_objects import MADE, a_revision, a_version_set, an_api

from modelyard.adapters.apim.options import ApimOptions
from modelyard.adapters.apim.service import AzureApiManagement
from modelyard.adapters.clock.manual import ManualClock
from modelyard.apim.backends import Reached
from modelyard.apim.domain import PushedProduct, Refusal, Skipped
from modelyard.apim.plan import Plan
from modelyard.apim.service import AzureGateway, PushOptions
from modelyard.gateway.domain import Answering, Api, Release, ReleaseCause, Revision, Target, VersionSet
from modelyard.principals import Principal, Role

INSTALLATION = "0a1b2c3d"
PETRA = Principal(tenant_id="default", subject="petra", role=Role.ADMIN)
BACKEND = Target(service_url="http://backend-for-ml-model-v1")


class TestCredential:
    """Of the tests' resource manager."""

    __test__ = False

    @dataclass
    class _Token:
        token: str

    def __init__(self, token: str = TOKEN) -> None:
        self._token = token

    def get_token(self, *_: str, **__: Any) -> Any:
        """The same one always."""
        return self._Token(self._token)


@dataclass
class Objects:
    """The objects of a gateway; see `GatewayObjects`."""

    sets: list[VersionSet] = field(default_factory=list)
    known_apis: list[Api] = field(default_factory=list)
    known_revisions: list[Revision] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    known_products: list[PushedProduct] = field(default_factory=list)
    faults: list[Refusal] = field(default_factory=list)

    def version_sets(self, _: Principal) -> Sequence[VersionSet]:
        return self.sets

    def apis(self, _: Principal) -> Sequence[Api]:
        return self.known_apis

    def revisions(self, _: Principal, api_id: str) -> Sequence[Revision]:
        return [each for each in self.known_revisions if each.api_id == api_id]

    def last_release(self, _: Principal, api_id: str) -> Release | None:
        found = [each for each in self.releases if each.api_id == api_id]
        return max(found, key=lambda each: each.number) if found else None

    def products(self, _: Principal) -> Sequence[PushedProduct]:
        return self.known_products

    def refusals(self, _: Principal) -> Sequence[Refusal]:
        return self.faults

    def skipped(self, _: Principal) -> Sequence[Skipped]:
        return ()

    def release(self, number: int, release_id: str, *, api_id: str = "ml-model-v1", notes: str = "") -> None:
        """Make a revision of an API current."""
        revision = next(each for each in self.known_revisions if (each.api_id, each.number) == (api_id, number))
        self.releases.append(
            Release(
                release_id=release_id,
                tenant_id="default",
                api_id=api_id,
                number=len(self.releases) + 1,
                cause=ReleaseCause.RELEASE,
                notes=notes,
                before=None,
                after=Answering(revision=number, target=revision.target),
                created_by="petra",
                created_at=MADE,
            )
        )
        self.known_apis = [
            replace(each, current_revision=number) if each.api_id == api_id else each for each in self.known_apis
        ]


class Reach:
    """Service URLs as they are, models at the platform's gateway."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}

    def reach(self, _: Principal, target: Target, *, with_document: bool) -> Reached:
        """See `Reaching`."""
        if target.service_url is not None:
            return Reached(target.service_url, None)
        url = f"https://models.example.com/{target.model_name}"
        return Reached(url, self.documents.get(str(target.model_name)) if with_document else None)


def document_001() -> Objects:
    """Version set, API and release of the document of our users."""
    objects = Objects(
        sets=[a_version_set(version_set_id="api-version-set")],
        known_apis=[
            an_api(
                version_set_id="api-version-set",
                protocols=("https",),
                subscription_required=True,
                description="Version 1 of the ML Model Serving API",
            )
        ],
        known_revisions=[a_revision(target=BACKEND)],
    )
    objects.release(1, "ml-model-release-v1", notes="Initial Release of ML Model v1")
    return objects


@dataclass
class ApimWorld:
    """A gateway, and where it is pushed."""

    objects: Objects
    azure: ApiManagementService
    reach: Reach
    client: AzureApiManagement
    gateway: AzureGateway

    def plan(self, **options: bool) -> Plan:
        """What a push would do."""
        return self.gateway.plan(PETRA, PushOptions(**options))

    def push(self, **options: bool) -> list[str]:
        """Rounds until nothing differs; what was said of each change."""
        said: list[str] = []
        while self.gateway.make_round(PETRA, PushOptions(**options), say=said.append):
            assert len(said) < 200, said[-5:]
        return said


@contextmanager
def apim_world(objects: Objects, *, token: str = TOKEN, installation: str = INSTALLATION) -> Iterator[ApimWorld]:
    """A service that is empty at first."""
    with api_management_service() as azure:
        client = client_of(azure, token=token)
        reach = Reach()
        gateway = gateway_of(objects, client, reach, installation=installation)
        try:
            yield ApimWorld(objects, azure, reach, client, gateway)
        finally:
            client.close()


def gateway_of(
    objects: Objects, client: AzureApiManagement, reach: Reach, *, installation: str = INSTALLATION
) -> AzureGateway:
    """What compares both."""
    return AzureGateway(
        service=client,
        objects=objects,
        backends=reach,
        clock=ManualClock(MADE),
        tenant_id="default",
        installation=lambda: installation,
    )


def client_of(azure: ApiManagementService, *, token: str = TOKEN) -> AzureApiManagement:
    """The adapter, with a clock that moves when it waits."""
    options = ApimOptions(
        subscription_id=SUBSCRIPTION,
        resource_group=RESOURCE_GROUP,
        service_name=SERVICE,
        resource_manager=azure.url,
    )
    return AzureApiManagement(options, TestCredential(token), ManualClock(MADE))
