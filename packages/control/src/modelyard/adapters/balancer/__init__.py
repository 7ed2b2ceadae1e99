"""One address of this machine for all replicas of a deployment that run elsewhere: an Envoy for each home."""

from modelyard.adapters.balancer.addresses import Address, Endpoint
from modelyard.adapters.balancer.balancer import Balancer, EndpointHealth

__all__ = ["Address", "Balancer", "Endpoint", "EndpointHealth"]
