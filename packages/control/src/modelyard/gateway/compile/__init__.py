"""Compiles version sets, APIs, revisions, deployments and stages to the route table. Pure: the same input gives the
same table."""

from modelyard.gateway.compile.compiler import compile_table, path_part
from modelyard.gateway.compile.inputs import (
    Compared,
    Copies,
    DeployedVersion,
    GatewayState,
    ModelStages,
    Share,
    TrafficSplit,
)

__all__ = [
    "Compared",
    "Copies",
    "DeployedVersion",
    "GatewayState",
    "ModelStages",
    "Share",
    "TrafficSplit",
    "compile_table",
    "path_part",
]
