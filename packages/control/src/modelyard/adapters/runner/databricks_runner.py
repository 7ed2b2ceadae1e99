"""The runner of a workspace of Databricks, as its operator has configured it."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from modelyard.adapters.runner.configured import RunnerContext, RunnerOptions, read_options
from modelyard.adapters.runner.databricks import DatabricksOptions, DatabricksRunner
from modelyard.adapters.runner.databricks_workspace import DatabricksWorkspace
from modelyard.adapters.runner.run_store import RunStore
from modelyard.adapters.tracking.mlflow import MlflowTracking
from modelyard.ports.tracking import Tracking

_PATH = r"/[^\s/][^\n]{0,200}[^\n/]"
_ARTIFACTS = "dbfs:/databricks/mlflow-tracking"
"""Where the workspace's own MLflow keeps what is logged."""


class DatabricksRunnerOptions(RunnerOptions):
    """`{"databricks": {}}` is the workspace of the SDK's own configuration, with serverless compute."""

    host: str | None = Field(default=None, pattern=r"https?://.+")
    """The workspace; else DATABRICKS_HOST or the profile's. Credentials are the SDK's unified configuration's."""
    profile: str | None = Field(default=None, min_length=1)
    """Of `~/.databrickscfg`."""
    auth_type: str | None = Field(default=None, pattern=r"[a-z-]{1,40}")
    """One way of the SDK's, where several are configured: `pat`, `oauth-m2m`, `azure-cli`, …"""
    existing_cluster_id: str | None = Field(default=None, min_length=1)
    new_cluster: dict[str, Any] | None = None
    """A cluster of its own for each run, as the Jobs API has it."""
    folder: str = Field(default="/Shared/modelyard/runs", pattern=_PATH)
    """Of the workspace, where notebooks are put while they run."""
    experiments: str = Field(default="/Shared/modelyard/experiments", pattern=_PATH)
    """Of the workspace, where experiments are."""
    tracking_uri: str = Field(default="databricks", pattern=r"databricks(://\S+)?|https?://\S+")
    """Where notebooks log to: the workspace's MLflow, or a server that the cluster reaches."""
    install_requirements: bool = True
    """Install the job's lock in the notebook's session; else it takes what the cluster has."""
    start_seconds: float = Field(default=1800, gt=0)
    """How long a run may wait for its cluster."""
    poll_seconds: float = Field(default=5, gt=0, le=600)
    """How often the service is asked of a run."""

    @model_validator(mode="after")
    def _name_one_cluster(self) -> "DatabricksRunnerOptions":
        if self.existing_cluster_id and self.new_cluster:
            raise ValueError("expected existing_cluster_id or new_cluster, got both")
        return self

    @property
    def cluster(self) -> dict[str, Any]:
        """The compute, as a task names it; serverless compute is not named."""
        named = {"existing_cluster_id": self.existing_cluster_id, "new_cluster": self.new_cluster}
        return {name: value for name, value in named.items() if value}


def databricks_runner(name: str, options: Mapping[str, Any], context: RunnerContext) -> DatabricksRunner:
    """The runner. The SDK is imported when a run needs it."""
    given = read_options(DatabricksRunnerOptions, name, options)
    config = {"host": given.host, "profile": given.profile, "auth_type": given.auth_type}
    return DatabricksRunner(
        RunStore(context.home.jobs),
        DatabricksWorkspace({key: value for key, value in config.items() if value}),
        installation=context.installation,
        options=DatabricksOptions(
            folder=given.folder.rstrip("/"),
            experiments=given.experiments.rstrip("/"),
            cluster=given.cluster,
            installs=given.install_requirements,
            tracking_uri=given.tracking_uri,
            start_seconds=given.start_seconds,
            poll_seconds=given.poll_seconds,
        ),
        tracking=_foreign_tracking(given, context),
    )


def _foreign_tracking(given: DatabricksRunnerOptions, context: RunnerContext) -> Tracking | None:
    """The server that notebooks log to, unless it is the control plane's own."""
    if given.tracking_uri.rstrip("/") == context.tracking_uri.rstrip("/"):
        return None
    if given.tracking_uri == "databricks" and given.profile:
        return _databricks_tracking(f"databricks://{given.profile}", given.experiments)
    if given.tracking_uri.startswith("databricks"):
        return _databricks_tracking(given.tracking_uri, given.experiments)
    return MlflowTracking(uri=given.tracking_uri)


def _databricks_tracking(uri: str, experiments: str) -> Tracking:
    return MlflowTracking(uri=uri, artifact_root=_ARTIFACTS, experiments_below=f"{experiments.rstrip('/')}/")
