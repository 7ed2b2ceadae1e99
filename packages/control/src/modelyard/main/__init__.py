"""The composition root: the only place that builds adapters and hands them to services, one module for each concern."""

from modelyard.main.adapters import Adapters, real_adapters
from modelyard.main.control_plane import ControlPlane

__all__ = ["Adapters", "ControlPlane", "real_adapters"]
