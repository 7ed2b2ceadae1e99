"""The settings of a Docker target, as MODELYARD_TARGETS has them."""

import os
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

_LOCAL = {"unix", "npipe"}
_LOCAL_ENGINE = "unix:///var/run/docker.sock"
IpAddress = IPv4Address | IPv6Address


class TlsFiles(BaseModel):
    """With which an engine on another machine is reached."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: Path
    cert_file: Path
    key_file: Path


class DockerOptions(BaseModel):
    """Where the engine is, what a container gets, and where its address is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str | None = None
    """The engine's address: a unix socket, or `tcp://host:port`, which needs `tls`. Where it is not given, as `docker`
    itself finds it: DOCKER_HOST with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or the local socket."""
    tls: TlsFiles | None = None
    images: Literal["load", "pull"] = "load"
    """Whether images are loaded into the engine from this machine, or pulled by it from their registry."""
    network: str = Field(default="bridge", min_length=1, max_length=128)
    """The engine's network of the containers."""
    publish_host: IpAddress = IPv4Address("127.0.0.1")
    """The address of the engine's machine where the ports of containers are published, for the balancer."""
    replica_port_first: int = Field(default=30_000, ge=1024, le=65_535)
    replica_port_last: int = Field(default=32_767, ge=1024, le=65_535)
    """Among which those ports are chosen; Linux gives outgoing connections those from 32768."""
    balancer_host: IpAddress = IPv4Address("127.0.0.1")
    """The address of this machine where callers connect. There is no access control at a model server."""
    url_host: str | None = None
    """What URLs say instead of it; needed where it is a wildcard."""
    cpu: float | None = Field(default=None, gt=0)
    """Cores of a replica for which none are asked."""
    max_cpu: float | None = Field(default=None, gt=0)
    memory_mb: int | None = Field(default=None, ge=64)
    """Memory of a replica for which none is asked, and the most; MODELYARD_REPLICA_MEMORY_MB without it."""
    gpus: int | None = Field(default=None, ge=1)
    """How many GPUs of the engine a replica may have; none can be asked for without it."""
    tmp_mb: int = Field(default=256, ge=1)
    """Of `/tmp`, which is memory and counts as such."""
    shm_mb: int = Field(default=64, ge=1)
    """Of `/dev/shm`, likewise."""
    max_processes: int = Field(default=4096, ge=16)
    """Processes and threads of a container."""

    @model_validator(mode="after")
    def _are_consistent(self) -> Self:
        scheme = None if self.engine is None else urlsplit(self.engine).scheme
        if scheme not in {None, *_LOCAL, "tcp"}:
            raise ValueError(f"engine: expected `unix:///…` or `tcp://host:port`, got {str(self.engine)[:80]!r}")
        if scheme == "tcp" and self.tls is None:
            raise ValueError("tls: expected the files of TLS for an engine that is reached over the network, got none")
        if self.replica_port_first > self.replica_port_last:
            raise ValueError("replica_port_first: expected a port that is not above replica_port_last")
        if self.publish_host.is_unspecified:
            raise ValueError("publish_host: expected one address that the balancer can reach, got a wildcard")
        if self.balancer_host.is_unspecified and self.url_host is None:
            raise ValueError("url_host: expected the name of this machine, as balancer_host is a wildcard, got none")
        return self

    @property
    def publishes_here(self) -> bool:
        """Whether ports of containers are ports of this machine; not so for a control plane in a container."""
        engine = self.engine or os.environ.get("DOCKER_HOST") or _LOCAL_ENGINE
        return urlsplit(engine).scheme in _LOCAL and self.publish_host.is_loopback
