"""Rounds of SIGTERM under load: a server is asked by stock clients over kept connections, stopped, and called on.

    python -m benchmarks.robustness.stops --rounds 200

Each client asks until its connection is refused, which says that nobody listens any more. Everything before that must
be the right answer: a connection that breaks, a 503 or an answer to something else is a lost request. Every round asks
over HTTP (httpx, requests, aiohttp, tritonclient) and gRPC (tritonclient) at once; one worker and two take turns.
"""

import argparse
import asyncio
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import httpx
import numpy as np
import requests
import tritonclient.grpc
import tritonclient.http
from benchmarks.robustness.running import Server, running

import grpc

_EACH = 3
"""Callers of each client, each with a connection of its own."""
_LONGEST_S = 30.0


@dataclass
class Tally:
    """What the callers met, by client."""

    answered: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)


class Refused(Exception):  # It says that a caller has come to its end.
    """Nobody listens at the address: the request was never sent."""


Ask = Callable[[float], float]


def _body(x: float) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [x]}]}


def _value(answer: dict[str, Any]) -> float:
    return float(answer["outputs"][0]["data"][0])


def ask_by_httpx(server: Server) -> Iterator[Ask]:
    with httpx.Client(timeout=_LONGEST_S) as client:

        def ask(x: float) -> float:
            try:
                return _value(client.post(_url(server), json=_body(x)).raise_for_status().json())
            except httpx.ConnectError as error:
                raise Refused from error

        yield ask


def ask_by_requests(server: Server) -> Iterator[Ask]:
    with requests.Session() as session:

        def ask(x: float) -> float:
            try:
                answer = session.post(_url(server), json=_body(x), timeout=_LONGEST_S)
            except requests.ConnectionError as error:
                if "Connection refused" in str(error):
                    raise Refused from error
                raise
            answer.raise_for_status()
            return _value(answer.json())

        yield ask


def ask_by_tritonclient_http(server: Server) -> Iterator[Ask]:
    host, port = server.address
    client = tritonclient.http.InferenceServerClient(f"{host}:{port}", network_timeout=_LONGEST_S)
    with closing(client):

        def ask(x: float) -> float:
            wanted = tritonclient.http.InferInput("x", [1], "FP64")
            wanted.set_data_from_numpy(np.array([x], np.float64))
            try:
                return float(client.infer("Stamp", [wanted]).as_numpy("y")[0])
            except ConnectionRefusedError as error:
                raise Refused from error

        yield ask


def ask_by_tritonclient_grpc(server: Server) -> Iterator[Ask]:
    host, port = server.grpc_address
    own = [("grpc.use_local_subchannel_pool", 1)]
    client = tritonclient.grpc.InferenceServerClient(f"{host}:{port}", channel_args=own)
    with closing(client):

        def ask(x: float) -> float:
            wanted = tritonclient.grpc.InferInput("x", [1], "FP64")
            wanted.set_data_from_numpy(np.array([x], np.float64))
            try:
                return float(client.infer("Stamp", [wanted], client_timeout=_LONGEST_S).as_numpy("y")[0])
            except tritonclient.grpc.InferenceServerException as error:
                if error.status() == str(grpc.StatusCode.UNAVAILABLE) and "Connection refused" in error.message():
                    raise Refused from error
                raise

        yield ask


CLIENTS: dict[str, Callable[[Server], Iterator[Ask]]] = {
    "httpx": ask_by_httpx,
    "requests": ask_by_requests,
    "tritonclient, HTTP": ask_by_tritonclient_http,
    "tritonclient, gRPC": ask_by_tritonclient_grpc,
}
AIOHTTP = "aiohttp"


def _url(server: Server) -> str:
    host, port = server.address
    return f"http://{host}:{port}/v2/models/Stamp/infer"


def call(name: str, server: Server, tally: Tally) -> None:
    """Ask by one client until it is refused."""
    for ask in CLIENTS[name](server):
        for number in count():
            try:
                answer = ask(number)
            except Refused:
                break
            except Exception as error:  # noqa: BLE001  # Whatever a client says instead of an answer is a loss.
                tally.lost.append(f"{name}: {type(error).__name__}: {error}")
                break
            note(name, tally, number, answer)


async def call_by_aiohttp(server: Server, tally: Tally) -> None:
    """The same by a client that is asynchronous: one session whose connections all callers share."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_LONGEST_S)) as session:

        async def ask_on() -> None:
            for number in count():
                try:
                    async with session.post(_url(server), json=_body(number), raise_for_status=True) as response:
                        answer = _value(await response.json())
                except aiohttp.ClientConnectorError as error:
                    if not isinstance(error.os_error, ConnectionRefusedError):
                        tally.lost.append(f"{AIOHTTP}: {error!r}")
                    break
                except Exception as error:  # noqa: BLE001  # As above.
                    tally.lost.append(f"{AIOHTTP}: {error!r}")
                    break
                note(AIOHTTP, tally, number, answer)

        await asyncio.gather(*(ask_on() for _ in range(_EACH)))


def note(name: str, tally: Tally, number: int, answer: float) -> None:
    """Count a right answer; a wrong one is a lost request."""
    tally.answered[name] += 1
    if answer != number * 2 + 1:
        tally.lost.append(f"{name}: {number} was answered with {answer}")


def stop_under_load(server: Server, *, load_s: float) -> Tally:
    """Load a server, tell it to stop, and give what its callers met."""
    tally = Tally()
    callers = [threading.Thread(target=call, args=(name, server, tally)) for name in CLIENTS for _ in range(_EACH)]
    callers.append(threading.Thread(target=lambda: asyncio.run(call_by_aiohttp(server, tally))))
    for caller in callers:
        caller.start()
    until = time.monotonic() + _LONGEST_S
    while len(tally.answered) < len(CLIENTS) + 1 and not tally.lost and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(load_s)
    server.process.send_signal(signal.SIGTERM)
    for caller in callers:
        caller.join()
    code = server.process.wait(_LONGEST_S)
    if code:
        tally.lost.append(f"the server ended with code {code}")
    return tally


def main() -> int:
    """Run the rounds, and exit with 1 where a request was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--lame-duck-s", default="0.5")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    answered: Counter[str] = Counter()
    lost: list[str] = []
    for number in range(options.rounds):
        workers = 1 + number % 2
        with running("Stamp", "--workers", str(workers), "--lame-duck-s", options.lame_duck_s) as server:
            tally = stop_under_load(server, load_s=chance.uniform(0.05, 0.5))
        answered += tally.answered
        lost += [f"round {number}, workers {workers}: {text}" for text in tally.lost]
        for text in tally.lost:
            print(f"round {number}, workers {workers}: {text}", flush=True)
    total = ", ".join(f"{name} {answers}" for name, answers in sorted(answered.items()))
    print(f"{options.rounds} rounds: {answered.total()} answered ({total}), {len(lost)} lost")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
