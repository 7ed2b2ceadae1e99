"""Where the wheels of images come from."""

from modelyard.adapters.wheels.uv import UvWheels

__all__ = ["UvWheels"]
