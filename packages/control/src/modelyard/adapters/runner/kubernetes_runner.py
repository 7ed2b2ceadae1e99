"""The runner of a Kubernetes cluster, as its operator has configured it."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from modelyard.adapters.kubernetes.cluster_api import ClusterApi
from modelyard.adapters.kubernetes.connection import connect
from modelyard.adapters.kubernetes.options import ClusterOptions
from modelyard.adapters.runner.configured import RunnerContext, invalid_options, read_options
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.adapters.runner.kubernetes import KubernetesHost
from modelyard.adapters.runner.kubernetes_job import JobOptions
from modelyard.adapters.runner.run_store import RunStore
from modelyard.errors import Invalid
from modelyard.oci.reference import Repository

_POLL_SECONDS = 1.0


class KubernetesRunnerOptions(ClusterOptions, JobOptions):
    """What an operator says of the runs of a cluster."""

    repository: str
    """Where run images are pushed to, and the nodes pull them from: `registry.example.com/modelyard/runs`."""
    tracking_uri: str | None = Field(default=None, pattern=r"https?://.+")
    """The tracking server as pods reach it."""


def kubernetes_runner(name: str, options: Mapping[str, Any], context: RunnerContext) -> HostedRunner:
    """The runner. Refused at the start when its pods could not reach the tracking server."""
    given = read_options(KubernetesRunnerOptions, name, options)
    if given.tracking_uri is None and (context.is_tracker_ours or context.is_tracker_local):
        raise invalid_options(
            name,
            f"pods cannot reach the tracking server at {context.tracking_uri}: set `tracking_uri` to where they reach "
            "it (and MODELYARD_MLFLOW_HOST=0.0.0.0 where it is the platform's own, so that it listens there)",
        )
    try:
        repository = Repository.parse(given.repository)
        client = connect(given)
    except Invalid as error:
        raise invalid_options(name, error.message) from error
    host = KubernetesHost(
        ClusterApi(lambda: client),
        context.images,
        repository=repository,
        open_registry=context.open_registry,
        installation=context.installation,
        options=given,
    )
    uri = given.tracking_uri or context.tracking_uri
    return HostedRunner(
        RunStore(context.home.jobs),
        host,
        installation=context.installation,
        tracking_uri=lambda: uri,
        grace_seconds=given.grace_seconds,
        start_seconds=given.start_seconds,
        poll_seconds=_POLL_SECONDS,
    )
