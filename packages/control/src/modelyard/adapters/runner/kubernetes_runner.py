"""The runner of a Kubernetes cluster, as its operator has configured it."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from modelyard.adapters.runner.configured import RunnerContext, invalid_options, read_options
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.adapters.runner.kubernetes import KubernetesHost
from modelyard.adapters.runner.kubernetes_job import JobOptions
from modelyard.adapters.runner.run_store import RunStore
from modelyard.adapters.target.kubernetes.cluster_api import ClusterApi
from modelyard.adapters.target.kubernetes.connection import connect
from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.adapters.target.options import read_options as read_target_options
from modelyard.errors import Invalid
from modelyard.oci.reference import Repository

_POLL_SECONDS = 1.0


class KubernetesRunnerOptions(JobOptions):
    """A cluster that a kubeconfig names, or the one in which the control plane itself runs."""

    kubeconfig: str | None = None
    context: str | None = None
    in_cluster: bool = False
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
        cluster = {"kubeconfig": given.kubeconfig, "context": given.context, "in_cluster": given.in_cluster}
        client = connect(name, read_target_options(KubernetesOptions, name, cluster))
    except Invalid as error:
        raise invalid_options(name, error.message.rpartition(f"'{name}': ")[2]) from error
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
