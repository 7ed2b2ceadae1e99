"""Where Azure reaches what answers an API, and what it takes there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from modelyard.apim.domain import Refusal
from modelyard.apim.openapi import imported_document
from modelyard.deployments.service import DeploymentService
from modelyard.errors import NotFound
from modelyard.gateway.domain import Api, Revision, Target
from modelyard.ports.model_documents import ModelDocuments
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage


@dataclass(frozen=True, slots=True)
class Reached:
    """An address, and the document of what is there."""

    url: str
    document: Mapping[str, Any] | None


class NotReachedError(Exception):
    """Azure cannot reach what answers a revision."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class Backends:
    """Args:
    gateway_url: where Azure reaches our gateway, whose stable addresses lead to models; None where it does not.
    """

    def __init__(
        self,
        *,
        registry: RegistryService,
        deployments: DeploymentService,
        documents: ModelDocuments,
        gateway_url: str | None,
    ) -> None:
        self._registry = registry
        self._deployments = deployments
        self._documents = documents
        self._gateway_url = gateway_url

    def reach(self, principal: Principal, target: Target, *, with_document: bool) -> Reached:
        """Where a target is reached.

        Raises:
            NotReachedError: nowhere; it names the target's field.
        """
        if target.service_url is not None:
            return Reached(target.service_url, None)
        model_name, version = self._version(principal, target)
        if self._gateway_url is None:
            raise NotReachedError(
                "target",
                f"it is {target.title}: expected MODELYARD_APIM_BACKEND_URL, where Azure reaches the gateway",
            )
        url = f"{self._gateway_url.rstrip('/')}/{quote(model_name, safe='')}"
        if version is not None:
            url += f"/versions/{version}"
        document = self._document(principal, model_name, version) if with_document else None
        return Reached(url, document)

    def _version(self, principal: Principal, target: Target) -> tuple[str, int | None]:
        """The model and the version that answer; None where it is whatever the model's stable address leads to."""
        if target.deployment_id is not None:
            deployment = self._deployments.get(principal, target.deployment_id)
            return deployment.model_name, deployment.version
        if target.model_name is None:
            raise AssertionError("one of the three is set")
        if target.stage is None:
            return target.model_name, target.version
        model = self._registry.model(principal, target.model_name)
        found = {Stage.PRODUCTION: model.production_version, Stage.STAGING: model.staging_version}.get(target.stage)
        if found is None:
            raise NotReachedError("target.stage", f"no version of '{target.model_name}' is in {target.stage}")
        return target.model_name, found

    def _document(self, principal: Principal, model_name: str, version: int | None) -> Mapping[str, Any] | None:
        """Of a deployment that serves it; the newest of the model where any version will do."""
        found = self._deployments.page(principal, model_name=model_name, limit=100).items
        urls = [
            one.url for one in found if one.url is not None and one.ready_replicas and version in (None, one.version)
        ]
        document = self._documents.fetch(urls[0]) if urls else None
        return None if document is None else imported_document(document)


def refusal_of(api: Api, revision: Revision, error: NotReachedError | NotFound) -> Refusal:
    """Why a revision cannot be pushed."""
    field, reason = (error.field, error.reason) if isinstance(error, NotReachedError) else ("target", error.message)
    return Refusal(api.subject, f"revisions.{revision.number}.{field}", reason)
