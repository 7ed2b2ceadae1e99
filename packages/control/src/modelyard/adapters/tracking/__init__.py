"""Experiment trackers: MLflow's server, and a fake in memory."""

from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.mlflow import MlflowTracking

__all__ = ["FakeTracking", "MlflowTracking"]
