"""How MLflow names a deployment here: as its model, with the namespace before it where that is not the default one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard_client.client import Client
from modelyard_client.deployment import Deployment
from modelyard_client.errors import Conflict, Invalid, NotFound

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Place:
    """A model in a namespace. Neither has a slash in its name."""

    namespace: str
    model_name: str

    @classmethod
    def parse(cls, name: str) -> "Place":
        """`churn`, or `team-a/churn`."""
        namespace, _, model_name = name.rpartition("/")
        return cls(namespace or DEFAULT_NAMESPACE, model_name)

    @classmethod
    def of(cls, deployment: Deployment) -> "Place":
        """Where a deployment is."""
        return cls(deployment.namespace or DEFAULT_NAMESPACE, deployment.model_name)

    @classmethod
    def wanted(cls, name: str, config: Mapping[str, Any]) -> "Place":
        """Where a new deployment shall be, by its name and its configuration.

        Raises:
            Invalid: they name two namespaces.
        """
        place, given = cls.parse(name), config.get("namespace")
        if given is None:
            return place
        if "/" in name and given != place.namespace:
            raise Invalid(
                f"config namespace: expected {place.namespace!r}, as the name says, got {given!r}",
                code="config_invalid",
                field="namespace",
            )
        return cls(given, place.model_name)

    def __str__(self) -> str:
        """The name of the deployment there."""
        is_default = self.namespace == DEFAULT_NAMESPACE
        return self.model_name if is_default else f"{self.namespace}/{self.model_name}"


def living_at(client: Client, place: Place) -> list[Deployment]:
    """The deployments of a model in a namespace that are not over."""
    return [
        found
        for found in client.deployments.list(model_name=place.model_name)
        if Place.of(found) == place and not found.is_over
    ]


def find(client: Client, name: str) -> Deployment:
    """The deployment with this name or this id.

    Raises:
        NotFound: there is none.
        Conflict: several are at the place that the name means; the message has their ids, which are names too.
    """
    if not name:
        raise Invalid("name: expected the name or the id of a deployment, got none", code="name_invalid", field="name")
    found = living_at(client, Place.parse(name))
    if len(found) > 1:
        ids = ", ".join(f"{each.deployment_id} (version {each.model_version})" for each in found)
        raise Conflict(
            f"there are several deployments {name!r}: {ids}; name one by its id", code="deployment_ambiguous"
        )
    if found:
        return found[0]
    try:
        by_id = None if "/" in name else client.deployments.get(name)
    except NotFound:
        by_id = None
    if by_id is None or by_id.status == "stopped":
        raise NotFound(f"there is no deployment {name!r}", code="deployment_not_found", field="name")
    return by_id


def named(deployments: Iterable[Deployment]) -> list[tuple[str, Deployment]]:
    """Each with a name by which `find` finds it: its place, or its id where it shares that with another."""
    living = [each for each in deployments if each.status != "stopped"]
    places = [Place.of(each) for each in living if not each.is_over]
    return [
        (str(Place.of(each)) if places.count(Place.of(each)) == 1 and not each.is_over else each.deployment_id, each)
        for each in living
    ]
