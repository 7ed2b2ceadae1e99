"""The configuration of the gateway's nodes, from a state: compiled to the route table, and translated. Pure."""

from collections.abc import Iterator
from itertools import groupby

from modelyard.gateway.compile import GatewayState, compile_table
from modelyard.gateway.envoy import assignments, clusters, route_configuration
from modelyard.gateway.envoy.access_filters import access_filters
from modelyard.gateway.table import RouteTable
from modelyard.gateway_node import Configuration, RouteRun
from modelyard.subscriptions.access_table import AccessTable


def configuration_of(
    state: GatewayState, *, access: AccessTable, https_port: int | None, gateways: int
) -> Configuration:
    """What nodes are to run.

    Args:
        access: who may call what, and how often.
        https_port: where callers find the gateway with TLS; None: nowhere.
        gateways: how many nodes share limits.
    """
    table = compile_table(state)
    return Configuration(
        clusters=tuple(clusters(table)),
        endpoints=tuple(assignments(table)),
        routes=route_configuration(table, https_port=https_port),
        filters=access_filters(access, gateways=gateways) if _checks_anything(access, table) else {},
        runs=tuple(_runs(table)),
    )


def _runs(table: RouteTable) -> Iterator[RouteRun]:
    for part, routes in groupby(table.routes, key=lambda route: route.part):
        yield RouteRun(part.name, part.rank, len(list(routes)))


def _checks_anything(access: AccessTable, table: RouteTable) -> bool:
    """Whether filters of keys and limits have something to do. If not they are left out: they cost 0.1 ms a request."""
    return access != AccessTable() or any(route.access.needs_subscription for route in table.routes)
