"""Sources of the wheels of images."""

from modelyard.adapters.wheels.fake import FakeWheels
from modelyard.adapters.wheels.uv import UvWheels

__all__ = ["FakeWheels", "UvWheels"]
