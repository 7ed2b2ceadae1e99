"""Environments that uv builds, and a fake with an index of its own."""

from modelyard.adapters.environments.fake import FakeEnvironments
from modelyard.adapters.environments.uv import UvEnvironments

__all__ = ["FakeEnvironments", "UvEnvironments"]
