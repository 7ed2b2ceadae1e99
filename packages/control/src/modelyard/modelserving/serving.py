"""Deploying and undeploying ModelVersions, by the rules of this surface: only an image that was built is deployed, and
only what is deployed is undeployed."""

from dataclasses import replace

from modelyard.deployments.states import DesiredState
from modelyard.deployments.targets import Targets
from modelyard.deployments.undeploying import Undeploying
from modelyard.deployments.verbs import Accepted, DeploymentCommand, DeploymentVerbs
from modelyard.errors import Conflict
from modelyard.images.domain import has_registry
from modelyard.images.service import ImageService
from modelyard.jobs.domain import Job
from modelyard.oci.reference import Repository
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService


class Serving:
    """The verbs of a ModelVersion that end in a job."""

    def __init__(
        self,
        *,
        verbs: DeploymentVerbs,
        undeploying: Undeploying,
        registry: RegistryService,
        targets: Targets,
        images: ImageService,
    ) -> None:
        self._verbs = verbs
        self._undeploying = undeploying
        self._registry = registry
        self._targets = targets
        self._images = images

    def deploy(self, principal: Principal, command: DeploymentCommand, *, idempotency_key: str | None) -> Accepted:
        """A job that deploys a version. Targets of bundles need no image; others need one that was built for them.

        Raises:
            NotFound, Invalid, Conflict: as `DeploymentVerbs.deploy`, or code `image_not_built`.
        """
        version = self._registry.version(principal, command.model_name, command.version)
        target = self._targets.named(None if command.target is None else command.target.lower())
        repository = self._targets.repository(target, principal.tenant_id)
        if repository is not None:
            self._require_image(version, target, repository)
        return self._verbs.deploy(principal, replace(command, target=target), idempotency_key=idempotency_key)

    def undeploy(
        self,
        principal: Principal,
        name: str,
        number: int,
        *,
        target: str | None,
        namespace: str | None,
        forces: bool,
        idempotency_key: str | None,
    ) -> Job:
        """A job that undeploys a version: everywhere, or from one target or namespace.

        Args:
            forces: also what APIs of the gateway lead to.

        Raises:
            NotFound: there is no such version.
            Invalid: code `target_unknown`.
            Conflict: code `not_deployed`, `deployment_bound` or `target_not_configured`.
        """
        version = self._registry.version(principal, name, number)
        place = None if target is None else self._targets.named(target.lower())
        found = [
            one
            for one in self._verbs.deployments.left(principal, version.model_name, version.version)
            if one.desired_state is DesiredState.RUNNING
            and place in {None, one.target}
            and namespace in {None, one.namespace}
        ]
        if not found:
            raise Conflict(f"version {number} of '{name}' is not deployed there: nothing goes", code="not_deployed")
        for deployment in found:
            self._targets.refuse_unconfigured(deployment)
            if not forces:
                self._verbs.refuse_bound(deployment)
        return self._undeploying.begin(principal, version, found, idempotency_key=idempotency_key)

    def _require_image(self, version: Version, target: str, repository: Repository) -> None:
        image = self._images.usable(
            version.tenant_id,
            version.model_name,
            version.version,
            repository=repository,
            must_be_pushed=has_registry(repository),
        )
        if image is None:
            raise Conflict(
                f"version {version.version} of '{version.model_name}' has no image in '{repository}' that the target "
                f"'{target}' can run: build it first (POST …/versions/{version.version}/image with the target, or "
                f"`modelyard images build {version.model_name}/{version.version} --target {target}`)",
                code="image_not_built",
            )
