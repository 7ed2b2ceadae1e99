"""What the servers of a deployment shall be, from its row and from what was made of its version."""

from modelyard.deployments.artifacts import Artifacts
from modelyard.deployments.domain import Deployment
from modelyard.deployments.labels import labels_of
from modelyard.deployments.service import DeploymentService
from modelyard.ports.target import RunsImages, ServerSpec, TakesPorts, Target


class ServerSpecs:
    """Makes the specs, and has artifacts made again that a target does not find."""

    def __init__(self, *, deployments: DeploymentService, bundles: Artifacts, images: Artifacts) -> None:
        self._deployments = deployments
        self._bundles = bundles
        self._images = images

    def spec(self, deployment: Deployment, number: int, generation: int, target: Target) -> ServerSpec | None:
        """One generation of the deployment, which serves this version; None while the version has no artifact.

        Raises:
            Unavailable: code `no_free_port` or `image_pinned_missing`.
        """
        packaged = self._artifacts(target).find(deployment, number)
        if packaged is None:
            return None
        return ServerSpec(
            deployment_id=deployment.deployment_id,
            generation=generation,
            model_name=deployment.model_name,
            version=number,
            artifact=packaged.artifact,
            replicas=deployment.replicas,
            namespace=deployment.namespace,
            resources=deployment.resources,
            labels=labels_of(deployment, model_label=packaged.label, version=number),
            autoscaling=deployment.autoscaling,
            port=self._deployments.ports.claim(deployment, target) if isinstance(target, TakesPorts) else None,
        )

    def rebuild(self, deployment: Deployment, number: int, target: Target) -> None:
        """Have the version's artifact made again, if it is not whole where the target takes it from.

        Raises:
            Unavailable: code `bundle_rebuilding` or `image_rebuilding`: it is being made, or will be again.
        """
        self._artifacts(target).rebuild(deployment, number)

    def _artifacts(self, target: Target) -> Artifacts:
        return self._images if isinstance(target, RunsImages) else self._bundles
