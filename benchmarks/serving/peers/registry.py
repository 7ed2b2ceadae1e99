"""The peers by name."""

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers import (
    bentoml,
    fastapi,
    floor,
    kserve,
    litserve,
    mlflow,
    mlserver,
    modelyard,
    pytriton,
    ray,
)
from benchmarks.serving.peers.peer import Peer

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        modelyard.COMPILED,
        modelyard.NATIVE,
        modelyard.OF_PICKLE,
        modelyard.OF_GRAPH,
        mlserver.PEER,
        mlserver.AT_DEFAULTS,
        kserve.PEER,
        pytriton.PEER,
        mlflow.PEER,
        bentoml.PEER,
        litserve.PEER,
        ray.PEER,
        fastapi.PEER,
        floor.GRANIAN,
        floor.HTTPTOOLS,
    )
}
BASE = mlserver.PEER.name
"""Whom the others are compared with."""
SLOWER_BASE = mlserver.AT_DEFAULTS.name
"""The same server with its defaults, for comparison."""


def peer(name: str) -> Peer:
    """The peer of a name.

    Raises:
        BenchmarkError: there is none.
    """
    if name not in PEERS:
        raise BenchmarkError(f"there is no server {name!r}: expected one of {', '.join(PEERS)}")
    return PEERS[name]
