"""Single passes of a reconciler over one deployment, as its background work makes them over all."""

from modelyard.deployments.domain import Decision, Deployment
from modelyard.deployments.reconciler import Reconciler
from modelyard.ports.target import BundleArtifact, ServerSpec


def reconcile(reconciler: Reconciler, deployment: Deployment) -> Decision:
    """Observe, and make one pass over the deployment."""
    return reconciler.reconcile(deployment, reconciler.observe().get(deployment.deployment_id, {}))


def some_spec(deployment_id: str = "d-1", *, replicas: int = 1) -> ServerSpec:
    """A server of the model `iris`."""
    return ServerSpec(
        deployment_id=deployment_id,
        generation=1,
        model_name="iris",
        version=1,
        artifact=BundleArtifact(name="default/iris/1", digest="0" * 64, environment="1" * 64),
        replicas=replicas,
        namespace="default",
    )
