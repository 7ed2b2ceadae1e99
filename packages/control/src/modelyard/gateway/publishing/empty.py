"""The configuration of a gateway that has nothing to lead to. Pure."""

from modelyard.envoy.resources import typed
from modelyard.gateway_node import ROUTES_NAME, Configuration


def empty_configuration() -> Configuration:
    """Answers 404 to everything."""
    nothing = {"status": 404, "body": {"inline_string": "the gateway has no model and no API yet"}}
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": nothing}]}
    routes = typed("envoy.config.route.v3.RouteConfiguration", name=ROUTES_NAME, virtual_hosts=[host])
    return Configuration(clusters=(), endpoints=(), routes=routes)
