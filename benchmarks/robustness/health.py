"""How long health takes while a prediction of three seconds runs in the same worker, over REST and gRPC.

    python -m benchmarks.robustness.health

Each figure is of questions that were answered while the prediction still ran; the same questions to an idle server
stand beside them, for on a busy machine both wait for the processor.
"""

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable

import orjson
from benchmarks.robustness.callers import HttpCaller
from benchmarks.robustness.forms import Wanted
from benchmarks.robustness.running import Server, running

import grpc

READY = b"GET /v2/health/ready HTTP/1.1\r\nHost: health\r\n\r\n"
_PAUSE_S = 0.005


def _askers(server: Server) -> dict[str, Callable[[], None]]:
    http = HttpCaller(server.address)
    host, port = server.grpc_address
    check = grpc.insecure_channel(f"{host}:{port}").unary_unary("/grpc.health.v1.Health/Check")

    def over_http() -> None:
        answer = http.ask(READY)
        if answer.status != 200:
            raise AssertionError(f"not ready: {answer.status}")

    def over_grpc() -> None:
        check(b"", timeout=20)

    return {"REST": over_http, "gRPC": over_grpc}


def waits(ask: Callable[[], None], *, while_so: Callable[[], bool]) -> list[float]:
    """Milliseconds of each question that was answered while it was so."""
    found = list[float]()
    ask()
    while while_so():
        begun = time.perf_counter()
        ask()
        took = time.perf_counter() - begun
        if while_so():
            found.append(took * 1000)
        time.sleep(_PAUSE_S)
    return found


def measure(server: Server, model: str, ask: Callable[[], None], seconds: float) -> dict[str, list[float]]:
    """Waits of an idle server, and of one that predicts."""
    end = time.monotonic() + seconds
    idle = waits(ask, while_so=lambda: time.monotonic() < end)
    caller = HttpCaller(server.address)
    tensor = {"name": "x", "shape": [1], "datatype": "FP64", "data": [seconds]}
    wanted = Wanted(f"/v2/models/{model}/infer", orjson.dumps({"inputs": [tensor]})).to_bytes()
    prediction = threading.Thread(target=caller.ask, args=(wanted,))
    prediction.start()
    time.sleep(0.1)
    predicting = waits(ask, while_so=prediction.is_alive)
    prediction.join()
    caller.close()
    return {"idle": idle, "predicting": predicting}


def _reported(found: list[float]) -> dict[str, float]:
    ordered = sorted(found)
    return {
        "questions": len(found),
        "median_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
        "max_ms": round(ordered[-1], 2),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args(arguments)
    for model, reported in (("Asleep", "releases the lock"), ("Busy", "holds the lock")):
        with running(model) as server:
            for transport, ask in _askers(server).items():
                found = measure(server, model, ask, options.seconds)
                figures = {state: _reported(each) for state, each in found.items()}
                print(orjson.dumps({"prediction": reported, "transport": transport, **figures}).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
