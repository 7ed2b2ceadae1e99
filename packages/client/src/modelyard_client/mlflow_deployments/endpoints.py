"""MLflow's endpoints are APIs of the gateway: a path that stays while what answers behind it changes by releases."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelyard_client.client import Client
from modelyard_client.deployment import Deployment
from modelyard_client.errors import Conflict, Invalid, NotFound, Unavailable
from modelyard_client.gateway import Api, Revision
from modelyard_client.mlflow_deployments.config import ANSWERING, CREATE_ENDPOINT, UPDATE_ENDPOINT, read
from modelyard_client.mlflow_deployments.endpoint_addresses import Addresses

_TARGETS = {"model": "model_name", "version": "version", "stage": "stage", "deployment": "deployment_id"}
_CHANGES = {"display_name": "display_name", "open": "subscription_required"}


def create(client: Client, name: str, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Make an API and release it, so that it answers at once.

    Raises:
        Invalid: the configuration names nothing that answers.
    """
    values = read(config, CREATE_ENDPOINT)
    target = _target(values)
    if not target:
        raise Invalid(
            "config: expected model=NAME or deployment=ID, what answers at the endpoint",
            code="config_invalid",
            field="model",
        )
    api = client.gateway.create_api(
        name,
        path=values.get("path", name),
        display_name=values.get("display_name"),
        subscription_required=not values.get("open", False),
        **target,
    )
    client.gateway.release(api.api_id, revision=api.latest_revision)
    return get(client, api.api_id)


def update(client: Client, name: str, config: Mapping[str, Any] | None) -> None:
    """Change what answers, by a release, or who may call."""
    values = read(config, UPDATE_ENDPOINT)
    changes = {field: values[key] for key, field in _CHANGES.items() if key in values}
    if "open" in values:
        changes["subscription_required"] = not values["open"]
    if changes:
        client.gateway.change_api(name, **changes)
    if target := _target(values):
        _release(client, name, target)


def lead_to(client: Client, name: str, deployment: Deployment) -> None:
    """Have a deployment answer at an endpoint."""
    answering = _answering(client, client.gateway.api(name))
    if answering is None or answering.target.get("deployment_id") != deployment.deployment_id:
        _release(client, name, {"deployment_id": deployment.deployment_id})


def delete(client: Client, name: str) -> None:
    """Delete an API; one that is not there is deleted already."""
    try:
        client.gateway.delete_api(name)
    except NotFound:
        return


def get(client: Client, name: str) -> dict[str, Any]:
    """One endpoint.

    Raises:
        NotFound: there is none.
    """
    return _described(client, client.gateway.api(name), Addresses.of(client))


def every(client: Client) -> list[dict[str, Any]]:
    """All endpoints."""
    addresses = Addresses.of(client)
    return [_described(client, api, addresses) for api in client.gateway.apis()]


def address(client: Client, name: str) -> str:
    """Where an endpoint is called.

    Raises:
        Conflict: its callers choose a version by a header or a query, which a call of MLflow does not have.
        Unavailable: the gateway does not run.
    """
    api, addresses = client.gateway.api(name), Addresses.of(client)
    if addresses.base is None:
        raise Unavailable("the gateway has no address: does it run?", code="gateway_unavailable")
    url = addresses.url(api)
    if url is None:
        raise Conflict(
            f"endpoint {name!r}: its version is chosen by a header or a query, which MLflow's calls do not have",
            code="endpoint_versioned",
        )
    return url


def _described(client: Client, api: Api, addresses: Addresses) -> dict[str, Any]:
    """An API as MLflow shows an endpoint."""
    answering = _answering(client, api)
    target = {} if answering is None else {key: value for key, value in answering.target.items() if value is not None}
    return {
        "name": api.api_id,
        "display_name": api.display_name,
        "path": api.path,
        "url": addresses.url(api),
        "status": api.status,
        "subscription_required": api.subscription_required,
        "revision": api.current_revision,
        "target": target,
    }


def deployments_behind(client: Client, name: str) -> Iterator[Deployment]:
    """The deployments that may answer at an endpoint."""
    answering = _answering(client, client.gateway.api(name))
    target = {} if answering is None else answering.target
    if target.get("deployment_id") is not None:
        yield client.deployments.get(str(target["deployment_id"]))
    elif target.get("model_name") is not None:
        yield from client.deployments.list(model_name=str(target["model_name"]))


def _target(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_TARGETS[key]: values[key] for key in ANSWERING if key in values}


def _release(client: Client, name: str, target: Mapping[str, Any]) -> None:
    revision = client.gateway.create_revision(name, **target)
    client.gateway.release(name, revision=revision.api_revision)


def _answering(client: Client, api: Api) -> Revision | None:
    """The revision that answers; None before the first release."""
    revisions = client.gateway.revisions(api.api_id)
    return next((each for each in revisions if each.api_revision == api.current_revision), None)
