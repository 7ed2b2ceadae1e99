"""Pure ASGI middleware, one a file."""
