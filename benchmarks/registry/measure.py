"""Times questions on kept connections, the products in turn, so that what disturbs one disturbs the other."""

import http.client
import json
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.registry.catalogue import LONG_MODEL
from benchmarks.registry.reads import Path, Read
from benchmarks.registry.servers import Server

_SLICE = 20
_FEWEST = 100
_FEWEST_OF_SLOW = 5
_WARM_UP = 60
_WARM_UP_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one question to one product, in milliseconds."""

    median: float
    p99: float
    count: int


def ask(server: Server, connection: http.client.HTTPConnection, path: str) -> tuple[float, bytes]:
    """One answer, and how many milliseconds it took to its last byte."""
    begun = time.perf_counter()
    connection.request("GET", path, headers=dict(server.headers))
    response = connection.getresponse()
    body = response.read()
    taken = (time.perf_counter() - begun) * 1000
    if response.status != http.client.OK:
        raise RuntimeError(f"{server.name} answered {path} with {response.status}: {body[:300]!r}")
    return taken, body


def time_read(
    read: Read, servers: Sequence[Server], *, samples: int, seconds: float
) -> tuple[dict[str, Timing], dict[str, Timing]]:
    """Ask each product the same questions, some in a row, then the next one.

    After `seconds` no more is asked, if there were a hundred questions; a product whose answers alone took longer than
    that is asked no more before, if it answered five: its median is known.

    Returns:
        by product: for questions that were never asked before, where there are so many; and for the same ones again.
    """
    paths = {"modelyard": read.modelyard, "mlflow": read.mlflow}
    asked = [(server, path) for server in servers if (path := paths[server.name]) is not None]
    dice = random.Random(read.title)
    seeds = [dice.random() for _ in range(samples)]
    for server, path in asked:
        _warm_up(server, path, dice)
    first = _take_turns(asked, seeds, seconds=seconds)
    again = _take_turns(asked, seeds[: len(first["modelyard"])], seconds=seconds)
    return _timings(first), _timings(again)


def _warm_up(server: Server, path: Path, dice: random.Random) -> None:
    connection, until = server.connect(), time.monotonic() + _WARM_UP_SECONDS
    for _ in range(_WARM_UP):
        ask(server, connection, path(random.Random(dice.random())))
        if time.monotonic() > until:
            return


def _take_turns(
    asked: Sequence[tuple[Server, Path]], seeds: Sequence[float], *, seconds: float
) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = defaultdict(list)
    until = time.monotonic() + seconds
    for begin in range(0, len(seeds), _SLICE):
        if begin >= _FEWEST and time.monotonic() > until:
            break
        for server, path in asked:
            connection, mine = server.connect(), taken[server.name]
            for seed in seeds[begin : begin + _SLICE]:
                if len(mine) >= _FEWEST_OF_SLOW and sum(mine) > seconds * 1000:
                    break
                mine.append(ask(server, connection, path(random.Random(seed)))[0])
    return taken


def _timings(taken: dict[str, list[float]]) -> dict[str, Timing]:
    return {name: timing(values) for name, values in taken.items()}


def time_pages(server: Server, *, limit: int) -> tuple[Timing, int, int]:
    """Walk a model's whole history page by page.

    Returns:
        how long a page took; how many versions came; how many bytes of memory the walk added.
    """
    connection, before = server.connect(), server.memory_bytes()
    taken: list[float] = []
    numbers: list[int] = []
    cursor: str | None = None
    while True:
        suffix = f"&cursor={cursor}" if cursor else ""
        path = f"/api/v1/ml/registry/models/{LONG_MODEL}/versions?limit={limit}{suffix}"
        milliseconds, body = ask(server, connection, path)
        taken.append(milliseconds)
        page: dict[str, Any] = json.loads(body)
        numbers += [version["version"] for version in page["versions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if numbers != list(range(len(numbers), 0, -1)):
        raise RuntimeError("a page repeats or skips a version")
    return timing(taken), len(numbers), server.memory_bytes() - before


def timing(values: Sequence[float]) -> Timing:
    """Median and 99th percentile; of fewer than a hundred the longest."""
    p99 = statistics.quantiles(values, n=100)[98] if len(values) >= 100 else max(values)
    return Timing(statistics.median(values), p99, len(values))
