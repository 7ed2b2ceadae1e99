"""What the servers of a deployment shall be, from its row and from the bundle of its version."""

from modelyard.deployments.domain import Deployment
from modelyard.deployments.labels import labels_of
from modelyard.deployments.records import system_principal
from modelyard.deployments.service import DeploymentService
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.service import PackagingService
from modelyard.ports.target import BundleArtifact, ServerSpec, TakesPorts, Target
from modelyard.registry.service import RegistryService


class ServerSpecs:
    """Makes the specs, and has bundles built again that a target does not find."""

    def __init__(
        self,
        *,
        deployments: DeploymentService,
        registry: RegistryService,
        packaging: PackagingService,
        rebuilding: Rebuilding,
    ) -> None:
        self._deployments = deployments
        self._registry = registry
        self._packaging = packaging
        self._rebuilding = rebuilding

    def spec(self, deployment: Deployment, number: int, generation: int, target: Target) -> ServerSpec | None:
        """One generation of the deployment, which serves this version; None while the version has no bundle.

        Raises:
            Unavailable: code `no_free_port`.
        """
        bundle = self._packaging.find(deployment.tenant_id, deployment.model_name, number)
        if bundle is None:
            return None
        return ServerSpec(
            deployment_id=deployment.deployment_id,
            generation=generation,
            model_name=deployment.model_name,
            version=number,
            artifact=BundleArtifact(
                name=f"{deployment.tenant_id}/{bundle.label}/{number}",
                digest=bundle.manifest_digest,
                environment=bundle.lock_digest,
            ),
            replicas=deployment.replicas,
            namespace=deployment.namespace,
            resources=deployment.resources,
            labels=labels_of(deployment, model_label=bundle.label, version=number),
            port=self._deployments.ports.claim(deployment, target) if isinstance(target, TakesPorts) else None,
        )

    def rebuild(self, deployment: Deployment, number: int) -> None:
        """Have the version's bundle built again, if all of it is not on this machine.

        Raises:
            Unavailable: code `bundle_rebuilding`: it is being built, or will be again.
        """
        owner = system_principal(deployment.tenant_id)
        self._rebuilding.bundle(self._registry.version(owner, deployment.model_name, number))
