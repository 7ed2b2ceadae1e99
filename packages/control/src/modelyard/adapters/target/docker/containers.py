"""A replica as a container: its labels, its name, how it is run, and what the engine says of it. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from modelyard.adapters.balancer import Endpoint
from modelyard.adapters.target.balanced import Phase, Replica
from modelyard.adapters.target.docker.options import DockerOptions
from modelyard.ports.target import ServerKey, ServerSpec

PREFIX = "modelyard.dev/"
INSTALLATION, TARGET, DEPLOYMENT = f"{PREFIX}installation", f"{PREFIX}target", f"{PREFIX}deployment"
GENERATION, REPLICA, TEMPLATE = f"{PREFIX}generation", f"{PREFIX}replica", f"{PREFIX}template"
FINGERPRINT, IMAGE = f"{PREFIX}fingerprint", f"{PREFIX}image"
HTTP, GRPC = f"{PREFIX}http", f"{PREFIX}grpc"
"""Where the engine's machine publishes it: `127.0.0.1:30000`."""

ASKED_TO_END = "no"
"""The restart policy of containers that were asked to end."""

_HTTP_PORT, _GRPC_PORT = "8080/tcp", "8081/tcp"
_MEBIBYTE = 1024 * 1024
_CPU_PERIOD = 100_000
_WORKER_SHARE = 0.9
"""Of a container's memory: a worker that grows over this is replaced by its server, before the kernel ends it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a replica gets."""

    memory_bytes: int | None
    cpu: float | None
    gpus: int | None


@dataclass(frozen=True, slots=True)
class PublishedPorts:
    """Where one container is reached, on the engine's machine."""

    http: int
    grpc: int | None


def template_of(spec: ServerSpec, limits: Limits, options: DockerOptions) -> str:
    """Digest of all that a container is made of; the number of replicas and the address are not of it."""
    made_of = {
        "spec": replace(spec, replicas=0, port=None).fingerprint,
        "limits": asdict(limits),
        "options": options.model_dump(mode="json", include={"network", "tmp_mb", "shm_mb", "max_processes"}),
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def container_name(spec: ServerSpec, index: int, template: str) -> str:
    """One name for one replica, so that it is not made twice."""
    return f"{name_prefix(spec.deployment_id)}g{spec.generation}-r{index}-{template[:8]}"


def name_prefix(deployment_id: str) -> str:
    """How the names of a deployment's containers begin."""
    return f"modelyard-{deployment_id}-"


def labels_of(
    spec: ServerSpec, index: int, template: str, *, installation: str, target: str, host: str, ports: PublishedPorts
) -> dict[str, str]:
    """The deployment's labels, and ours, which none of those can replace."""
    published = {HTTP: f"{host}:{ports.http}"} | ({} if ports.grpc is None else {GRPC: f"{host}:{ports.grpc}"})
    return {
        **spec.labels,
        INSTALLATION: installation,
        TARGET: target,
        DEPLOYMENT: spec.deployment_id,
        GENERATION: str(spec.generation),
        FINGERPRINT: spec.fingerprint,
        REPLICA: str(index),
        TEMPLATE: template,
        **published,
    }


def configuration_of(
    spec: ServerSpec,
    *,
    limits: Limits,
    options: DockerOptions,
    ports: PublishedPorts,
    user: str,
    labels: Mapping[str, str],
    arguments: Sequence[str],
) -> dict[str, Any]:
    """How the container is run: not as root, with nothing to write to but memory, with no capability and no new one."""
    host = str(options.publish_host)
    bindings = {_HTTP_PORT: (host, ports.http)} | ({} if ports.grpc is None else {_GRPC_PORT: (host, ports.grpc)})
    host_config: dict[str, Any] = {
        "network_mode": options.network,
        "port_bindings": bindings,
        "restart_policy": {"Name": "unless-stopped"},
        "read_only": True,
        "tmpfs": {"/tmp": _tmpfs(options.tmp_mb, user)},  # noqa: S108  # The container's own.
        "shm_size": options.shm_mb * _MEBIBYTE,
        "ipc_mode": "private",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": options.max_processes,
        "log_config": {"Type": "json-file", "Config": {"max-size": "20m", "max-file": "3"}},
    }
    if limits.memory_bytes is not None:
        host_config |= {"mem_limit": limits.memory_bytes, "memswap_limit": limits.memory_bytes}
        worker = max(1, int(limits.memory_bytes * _WORKER_SHARE) // _MEBIBYTE)
        arguments = [*arguments, "--max-memory-mb", str(worker)]
    if limits.cpu is not None:
        host_config |= {"cpu_period": _CPU_PERIOD, "cpu_quota": int(limits.cpu * _CPU_PERIOD)}
    if limits.gpus:
        host_config["device_requests"] = [{"Driver": "", "Count": limits.gpus, "Capabilities": [["gpu"]]}]
    return {
        "command": list(arguments),
        "environment": {**spec.environment, "HOME": "/tmp", "TMPDIR": "/tmp"},  # noqa: S108  # As above.
        "labels": dict(labels),
        "ports": [tuple(port.split("/")) for port in bindings],
        "host_config": host_config,
    }


def _tmpfs(megabytes: int, user: str) -> str:
    """Writable for the user also where the image's `/tmp` is not, whose mode runc gives to what it mounts there."""
    owner, _, group = user.partition(":")
    owned = f",uid={owner},gid={group or owner}" if owner.isdecimal() and (group or owner).isdecimal() else ""
    return f"rw,nosuid,nodev,size={megabytes}m,mode=1777{owned}"


def replica_of(container: Mapping[str, Any]) -> Replica | None:
    """What the engine says of one of our containers; None for one whose labels somebody has made up."""
    labels, state = container["Config"]["Labels"] or {}, container["State"]
    try:
        key = ServerKey(labels[DEPLOYMENT], int(labels[GENERATION]))
        index, template, endpoint = int(labels[REPLICA]), labels[TEMPLATE], _endpoint(labels)
    except (KeyError, ValueError):
        return None
    return Replica(
        name=container["Name"].removeprefix("/"),
        key=key,
        index=index,
        template=template,
        phase=_phase(container),
        endpoint=endpoint,
        restarts=container["RestartCount"],
        last_exit=_last_exit(container),
        started_at=_time(state["StartedAt"]),
    )


def places_in_use(containers: Sequence[Mapping[str, Any]]) -> set[int]:
    """The ports of containers, as `docker ps` lists them."""
    found = [one["Labels"].get(label, "").rpartition(":")[2] for one in containers for label in (HTTP, GRPC)]
    return {int(port) for port in found if port.isdecimal()}


def _endpoint(labels: Mapping[str, str]) -> Endpoint:
    host, _, port = labels[HTTP].rpartition(":")
    grpc = labels[GRPC].rpartition(":")[2] if GRPC in labels else None
    return Endpoint(host, int(port), None if grpc is None else int(grpc))


def _phase(container: Mapping[str, Any]) -> Phase:
    match container["State"]["Status"]:
        case "running":
            return Phase.RUNNING
        case "restarting":
            return Phase.FAILED
        case "created" | "exited" if container["HostConfig"]["RestartPolicy"]["Name"] != ASKED_TO_END:
            return Phase.MADE  # Also one that somebody else has stopped: what ends by itself is started again.
        case "created" | "exited" | "dead" | "removing":
            return Phase.STOPPED
        case _:
            return Phase.STARTING


def _last_exit(container: Mapping[str, Any]) -> str | None:
    """Why it last ended, if it ever did; the engine forgets that when it starts it again, but for the count."""
    state = container["State"]
    if state["Error"]:
        return f"it cannot be started: {state['Error']}"
    if state["OOMKilled"]:
        limit = container["HostConfig"]["Memory"] // _MEBIBYTE
        return f"OOMKilled: it took more memory than its limit of {limit} MB"
    if state["Status"] in {"exited", "restarting"}:
        return f"it ended with exit code {state['ExitCode']}"
    return f"it has ended {container['RestartCount']} times; its log says why" if container["RestartCount"] else None


def _time(text: str) -> datetime | None:
    """Docker writes nanoseconds, and the year 1 for never."""
    if text.startswith("0001"):
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))
