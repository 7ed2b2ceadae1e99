"""Sources of the wheels of images."""

from modelyard.adapters.wheels.uv import UvWheels

__all__ = ["UvWheels"]
