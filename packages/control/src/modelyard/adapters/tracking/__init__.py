"""Experiment trackers and their registries: MLflow's server, and a fake in memory."""

from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.adapters.tracking.mlflow import MlflowTracking
from modelyard.adapters.tracking.mlflow_registry import MlflowRegisteredModels

__all__ = ["FakeRegisteredModels", "FakeTracking", "MlflowRegisteredModels", "MlflowTracking"]
