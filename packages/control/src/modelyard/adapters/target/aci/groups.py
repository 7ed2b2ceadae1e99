"""A replica as a container group: its name and tags, how it is made, and what Azure says of it. Pure."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from azure.mgmt.containerinstance import models

from modelyard.adapters.balancer import Endpoint
from modelyard.adapters.target.aci.options import AciOptions
from modelyard.adapters.target.balanced import Phase, Replica
from modelyard.ports.target import ImageArtifact, Resources, ServerKey, ServerSpec

CONTAINER = "server"
"""The name of the one container of a group."""
PREFIX = "modelyard."
INSTALLATION, TARGET, DEPLOYMENT = f"{PREFIX}installation", f"{PREFIX}target", f"{PREFIX}deployment"
GENERATION, REPLICA, TEMPLATE = f"{PREFIX}generation", f"{PREFIX}replica", f"{PREFIX}template"

_HTTP_PORT, _GRPC_PORT = 8080, 8081
_GIGABYTE = 1024**3
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9-]")
_NOT_IN_A_TAG = re.compile(r"[<>%&\\?/]")
_MOST_TAGS, _LONGEST_VALUE = 40, 256  # Azure takes 50, and ours are among them.


def template_of(spec: ServerSpec, options: AciOptions) -> str:
    """Digest of all that a group is made of; the number of replicas and the address are not of it."""
    made_of = {
        "spec": replace(spec, replicas=0, port=None).fingerprint,
        "resources": [cpu_of(spec.resources, options), memory_gb_of(spec.resources, options)],
        "options": options.model_dump(mode="json", include={"location", "subnet_id", "is_public", "registry"}),
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def group_name(spec: ServerSpec, index: int, template: str) -> str:
    """One name for one replica, so that it is not made twice; at most 63 characters."""
    return f"{name_prefix(spec.deployment_id)}{spec.generation}-r{index}-{template[:8]}"


def name_prefix(deployment_id: str) -> str:
    """Of all groups of a deployment."""
    return _NOT_IN_A_NAME.sub("-", deployment_id.lower())[:40].strip("-") + "-g"


def cpu_of(resources: Resources, options: AciOptions) -> float:
    """Cores of a replica."""
    return resources.cpu or options.cpu


def memory_gb_of(resources: Resources, options: AciOptions) -> float:
    """Azure takes tenths of a gigabyte."""
    asked = options.memory_gb if resources.memory_bytes is None else resources.memory_bytes / _GIGABYTE
    return math.ceil(asked * 10 - 1e-9) / 10


def tags_of(spec: ServerSpec, index: int, template: str, *, installation: str, target: str) -> dict[str, str]:
    """The deployment's labels, as far as they can be tags, and ours, which none of those can replace."""
    labels = {_NOT_IN_A_TAG.sub(".", name)[:_LONGEST_VALUE]: text for name, text in spec.labels.items()}
    return {
        **{name: text[:_LONGEST_VALUE] for name, text in sorted(labels.items())[:_MOST_TAGS]},
        INSTALLATION: installation,
        TARGET: target,
        DEPLOYMENT: spec.deployment_id,
        GENERATION: str(spec.generation),
        REPLICA: str(index),
        TEMPLATE: template,
    }


def group_of(
    spec: ServerSpec,
    artifact: ImageArtifact,
    *,
    options: AciOptions,
    tags: Mapping[str, str],
    password: str | None,
) -> models.ContainerGroup:
    """The group to be made. What the deployment sets as variables is shown to nobody again.

    The image's own command is kept, which knows whether it speaks gRPC: Azure could only replace all of it.
    """
    asked = spec.resources
    requests = models.ResourceRequests(cpu=cpu_of(asked, options), memory_in_gb=memory_gb_of(asked, options))
    variables = {**spec.environment, "HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108  # The container's own.
    ports = (_HTTP_PORT, _GRPC_PORT)
    container = models.Container(
        name=CONTAINER,
        image=artifact.reference,
        ports=[models.ContainerPort(port=port) for port in ports],
        resources=models.ResourceRequirements(requests=requests),
        environment_variables=[
            models.EnvironmentVariable(name=name, secure_value=text) for name, text in variables.items()
        ],
    )
    registry = options.registry
    return models.ContainerGroup(
        location=options.location,
        tags=dict(tags),
        containers=[container],
        os_type="Linux",
        restart_policy="Always",
        ip_address=models.IpAddress(
            type="Public" if options.is_public else "Private", ports=[models.Port(port=port) for port in ports]
        ),
        subnet_ids=None if options.subnet_id is None else [models.ContainerGroupSubnetId(id=options.subnet_id)],
        image_registry_credentials=None
        if registry is None
        else [
            models.ImageRegistryCredential(
                server=registry.server, identity=registry.identity, username=registry.username, password=password
            )
        ],
        identity=None
        if registry is None or registry.identity is None
        else models.ContainerGroupIdentity(
            type="UserAssigned", user_assigned_identities={registry.identity: models.UserAssignedIdentities()}
        ),
    )


def has_failed_to_be_made(group: Any) -> bool:
    """Whether Azure has given up to make it; its containers may wait."""
    return bool(group.provisioning_state == "Failed")


def replica_of(group: Any, failure: str | None) -> Replica | None:
    """What Azure says of one of our groups; None for one whose tags somebody has made up.

    Args:
        group: a `models.ContainerGroup`, whose types do not have what Azure alone sets.
        failure: why the operation that makes it has failed.
    """
    tags = group.tags or {}
    try:
        key = ServerKey(tags[DEPLOYMENT], int(tags[GENERATION]))
        index, template = int(tags[REPLICA]), tags[TEMPLATE]
    except (KeyError, ValueError):
        return None
    view = _view(group)
    current = None if view is None else view.current_state
    return Replica(
        name=str(group.name),
        key=key,
        index=index,
        template=template,
        phase=_phase(group),
        endpoint=_endpoint(group),
        restarts=0 if view is None else int(view.restart_count or 0),
        last_exit=failure or _last_exit(group),
        started_at=None if current is None else current.start_time,
    )


def _endpoint(group: Any) -> Endpoint | None:
    """Where Azure says that it listens, in the order in which the ports were asked for."""
    address = group.ip_address
    ports = [] if address is None or address.ip is None else [one.port for one in address.ports or ()]
    return Endpoint(address.ip, *ports[:2]) if ports else None


def _phase(group: Any) -> Phase:
    state = None if group.instance_view is None else group.instance_view.state
    if has_failed_to_be_made(group) or state == "Failed":
        return Phase.FAILED
    if state == "Stopped":
        return Phase.MADE
    view = _view(group)
    current = None if view is None or view.current_state is None else view.current_state.state
    if current == "Running":
        return Phase.RUNNING
    return Phase.FAILED if current == "Terminated" else Phase.STARTING


def _last_exit(group: Any) -> str | None:
    """How its container last ended, else what Azure warns of."""
    view = _view(group)
    for state in () if view is None else (view.current_state, view.previous_state):
        if state is not None and state.state == "Terminated":
            detail = f"{state.detail_status}: " if state.detail_status else ""
            return f"{detail}it ended with exit code {state.exit_code}"
    events: list[Any] = [*(group.instance_view.events or [] if group.instance_view else [])]
    events += [] if view is None else view.events or []
    warnings = [event for event in events if event.type == "Warning"]
    return f"{warnings[-1].name}: {warnings[-1].message}" if warnings else None


def _view(group: Any) -> Any | None:
    container = next((one for one in group.containers or () if one.name == CONTAINER), None)
    return None if container is None else container.instance_view
