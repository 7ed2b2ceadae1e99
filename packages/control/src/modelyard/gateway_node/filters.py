"""The HTTP filters of every gateway, in the order in which a request passes them.

They stand in the listener, so this list is the same for every configuration; their settings come by ECDS, and change
without a connection being touched. To add one: name it here with what it does while no configuration names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpFilter:
    """A filter whose settings configurations bring."""

    name: str
    message: str
    """The type of its settings: `envoy.extensions.filters.http.lua.v3.Lua`."""
    idle: Mapping[str, Any] = field(default_factory=dict)
    """Settings with which it lets every request through as it came."""


FILTERS: tuple[HttpFilter, ...] = ()
"""Before the router, which is last."""

SPOOFABLE_HEADERS: tuple[str, ...] = (
    "x-envoy-original-path",
    "modelyard-api",
    "modelyard-client",
    "modelyard-route-reason",
    "modelyard-shadow",
    "modelyard-subscription",
)
"""Set by the gateway alone. What a caller sends under these names is removed before anything looks at it."""
