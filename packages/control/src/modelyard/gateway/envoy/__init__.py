"""The translator of the route table to resources of Envoy, and the filters that admit and limit requests. Pure."""

from modelyard.gateway.envoy.clusters import assignments, clusters
from modelyard.gateway.envoy.routes import route_configuration

__all__ = ["assignments", "clusters", "route_configuration"]
