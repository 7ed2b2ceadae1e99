"""A node of the gateway: one process that runs an Envoy, keeps it at the newest configuration, and says what it runs.

It knows Envoy and no noun: a `Configuration` is resources of Envoy, which the control plane makes from its route table.
"""

from modelyard.gateway_node.configuration import ROUTES_NAME, Configuration, RouteRun
from modelyard.gateway_node.filters import FILTERS, HttpFilter

__all__ = ["FILTERS", "ROUTES_NAME", "Configuration", "HttpFilter", "RouteRun"]
