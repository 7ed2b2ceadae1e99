"""Reads one deployment of a caller, and keeps others from changing it."""

from sqlalchemy import Connection

from modelyard.deployments import store
from modelyard.deployments.domain import Deployment
from modelyard.deployments.states import DesiredState
from modelyard.deployments.targets import Targets
from modelyard.errors import Conflict, NotFound
from modelyard.principals import Principal


def visible(deployment: Deployment | None, principal: Principal, deployment_id: str) -> Deployment:
    """A deployment that was found, if it is of the caller's tenant.

    Raises:
        NotFound: code `deployment_not_found`.
    """
    if deployment is None or deployment.tenant_id != principal.tenant_id:
        raise NotFound(f"there is no deployment '{deployment_id}'", code="deployment_not_found")
    return deployment


def lock_visible(connection: Connection, principal: Principal, deployment_id: str) -> Deployment:
    """A deployment of the caller's tenant, which nobody else changes until the transaction ends. Raises as above."""
    return visible(store.lock(connection, deployment_id), principal, deployment_id)


def lock_changeable(
    connection: Connection, principal: Principal, deployment_id: str, *, targets: Targets
) -> Deployment:
    """The same, of one that shall run in a target that is there.

    Raises:
        NotFound: code `deployment_not_found`.
        Conflict: code `deployment_leaving` or `target_not_configured`.
    """
    deployment = lock_visible(connection, principal, deployment_id)
    if deployment.desired_state is DesiredState.STOPPED:
        raise Conflict(
            f"deployment '{deployment_id}' is being undeployed or was: it cannot be changed", code="deployment_leaving"
        )
    targets.refuse_unconfigured(deployment)
    return deployment
