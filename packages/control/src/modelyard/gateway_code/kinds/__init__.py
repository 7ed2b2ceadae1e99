"""The kinds of objects that files declare: one module each. A new kind is its module and its line in `main/`."""

from modelyard.gateway_code.kinds.kind import Kind

__all__ = ["Kind"]
