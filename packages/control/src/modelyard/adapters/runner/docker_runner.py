"""The runner of a Docker engine, as its operator has configured it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from modelyard.adapters.docker import DockerEngine, EngineOptions, TlsFiles
from modelyard.adapters.runner.configured import RunnerContext, RunnerOptions, invalid_options, read_options
from modelyard.adapters.runner.docker import HOST_NETWORK, ContainerOptions, DockerHost
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.adapters.runner.run_store import RunStore


class DockerRunnerOptions(RunnerOptions):
    """`{"docker": {}}` is the engine that `docker` finds, with its own network."""

    engine: str | None = Field(default=None, pattern=r"(unix|tcp)://.+")
    """Where the engine is; as `docker` finds it when it is not given."""
    tls: TlsFiles | None = None
    """Of an engine on another machine."""
    publish_host: str = Field(default="127.0.0.1", pattern=r"[A-Za-z0-9.:-]{1,253}")
    """The address of the engine's machine where agents are published: one that this machine reaches."""
    network: str = Field(default="bridge", min_length=1)
    """A network of the engine. On `host` a script reaches what listens on this machine, loopback included."""
    tracking_uri: str | None = Field(default=None, pattern=r"https?://.+")
    """The tracking server as containers reach it; else by the gateway of their network."""
    cpus: float | None = Field(default=None, gt=0)
    """How many cores a run may use."""
    start_seconds: float = Field(default=600, gt=0)
    """How long a container may take to begin."""
    grace_seconds: float = Field(default=10, gt=0, le=600)
    """How long a script that is asked to end may take before it is killed."""
    hold_seconds: float = Field(default=24 * 3600, gt=0)
    """How long what a run left waits for a control plane that is away."""


def docker_runner(name: str, options: Mapping[str, Any], context: RunnerContext) -> HostedRunner:
    """The runner. Refused at the start when its containers could not reach the tracking server."""
    given = read_options(DockerRunnerOptions, name, options)
    is_on_host = given.network == HOST_NETWORK
    if given.tracking_uri is None and context.is_tracker_local and not is_on_host:
        raise invalid_options(
            name,
            f"containers on the network '{given.network}' cannot reach the tracking server, which listens on loopback "
            "only: set MODELYARD_MLFLOW_HOST=0.0.0.0 so that it listens on their network too, or `tracking_uri` to "
            "where they reach it, or `network` to `host`",
        )
    host = DockerHost(
        DockerEngine(name, EngineOptions(host=given.engine, tls=given.tls)),
        context.images,
        installation=context.installation,
        options=ContainerOptions(
            network=given.network,
            publish_host=given.publish_host,
            cpus=given.cpus,
            grace_seconds=given.grace_seconds,
            hold_seconds=given.hold_seconds,
        ),
    )

    def tracking_uri() -> str:
        if given.tracking_uri is not None:
            return given.tracking_uri
        place = urlsplit(context.tracking_uri)
        if is_on_host or not context.is_tracker_ours:
            return context.tracking_uri
        return place._replace(netloc=f"{host.gateway()}:{place.port}").geturl()

    return HostedRunner(
        RunStore(context.home.jobs),
        host,
        installation=context.installation,
        tracking_uri=tracking_uri,
        grace_seconds=given.grace_seconds,
        start_seconds=given.start_seconds,
    )
