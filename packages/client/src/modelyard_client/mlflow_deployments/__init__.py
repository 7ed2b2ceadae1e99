"""The plug-in of MLflow for `mlflow deployments … -t modelyard`. MLflow loads this package; nothing else imports it, so
the client needs no MLflow."""

from modelyard_client.mlflow_deployments.plugin import ModelyardDeployments, run_local, target_help

__all__ = ["ModelyardDeployments", "run_local", "target_help"]
