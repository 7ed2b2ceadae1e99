"""A soak of the model server: mixed load in four forms while its workers are killed and its model is loaded anew.

    python -m benchmarks.robustness.soak --seconds 60
    python -m benchmarks.robustness.soak --seconds 3600 --workers 4 --callers 32

Every response is compared with its request. The requests of a killed worker may be lost, and must be reported at once:
a broken connection, 503 or UNAVAILABLE. Any other wrong response fails the soak, as do more losses than the killed
workers had in flight, a loss that is reported late, and memory that grows.
"""

import argparse
import os
import random
import signal
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import orjson
from benchmarks.robustness.callers import Broken, HttpCaller
from benchmarks.robustness.forms import Wanted
from benchmarks.robustness.grpc_forms import METHOD
from benchmarks.robustness.running import Server, running

import grpc
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

INFER = "/v2/models/Stamp/infer"
_LATE_S = 2.0
"""How long the report of a loss may take. Generous: the machine may be busy."""
_GROWTH = 1.3
_SLACK_MB = 20.0


class Lost(Exception):  # It says what became of the request.
    """The request was not answered, and its caller got an error."""


@dataclass
class Tally:
    """What all callers met together."""

    answered: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    latest_s: float = 0.0
    kills: int = 0
    loads: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def _json(x: float, name: str) -> Wanted:
    tensor = {"name": "x", "shape": [1], "datatype": "FP64", "data": [x]}
    return Wanted(INFER, orjson.dumps({"id": name, "inputs": [tensor]}))


def _binary(x: float, name: str) -> Wanted:
    tensor = {"name": "x", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
    head = orjson.dumps({"id": name, "inputs": [tensor], "parameters": {"binary_data_output": True}})
    return Wanted(INFER, head + struct.pack("<d", x), (("Inference-Header-Content-Length", str(len(head))),))


def _predict(x: float, _name: str) -> Wanted:
    return Wanted("/predict", orjson.dumps({"inputs": {"x": [x]}}))


class Caller:
    """One client with a connection for HTTP and one for gRPC."""

    def __init__(self, server: Server) -> None:
        self._http = HttpCaller(server.address)
        host, port = server.grpc_address
        own = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"{host}:{port}", options=own)
        self._infer = self._channel.unary_unary(METHOD)
        self.forms: dict[str, Callable[[float, str], float]] = {
            "json": lambda x, name: self._over_http(_json(x, name), name),
            "binary": lambda x, name: self._over_http(_binary(x, name), name),
            "predict": lambda x, name: self._over_http(_predict(x, name), None),
            "grpc": self._over_grpc,
        }

    def close(self) -> None:
        self._http.close()
        self._channel.close()

    def _over_http(self, wanted: Wanted, name: str | None) -> float:
        try:
            answer = self._http.ask(wanted.to_bytes())
        except (OSError, Broken) as error:
            self._http.close()
            raise Lost(f"connection: {type(error).__name__}") from error
        if answer.status == 503:
            raise Lost("503")
        if answer.status != 200:
            raise AssertionError(f"status {answer.status}: {answer.body[:200]!r}")
        length = answer.headers.get("inference-header-content-length")
        document = orjson.loads(answer.body if length is None else answer.body[: int(length)])
        if name is not None and document["id"] != name:
            raise AssertionError(f"the answer of {document['id']} came for {name}")
        if length is not None:
            (value,) = struct.unpack("<d", answer.body[int(length) :])
            return float(value)
        return float(document["predictions"][0] if name is None else document["outputs"][0]["data"][0])

    def _over_grpc(self, x: float, name: str) -> float:
        message = pb.ModelInferRequest(model_name="Stamp", id=name, raw_input_contents=[struct.pack("<d", x)])
        message.inputs.add(name="x", datatype="FP64", shape=[1])
        try:
            answer = pb.ModelInferResponse.FromString(self._infer(message.SerializeToString(), timeout=20))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise Lost("UNAVAILABLE") from error
            raise AssertionError(f"{error.code().name}: {error.details()}") from error
        if answer.id != name:
            raise AssertionError(f"the answer of {answer.id} came for {name}")
        (value,) = struct.unpack("<d", answer.raw_output_contents[0])
        return float(value)


def call_on(server: Server, number: int, seed: int, stop: threading.Event, tally: Tally) -> None:
    """Ask in one form after the other, and compare every answer with its own request."""
    chance, caller = random.Random(f"{seed} {number}"), Caller(server)
    count = 0
    while not stop.is_set():
        count += 1
        form, x = chance.choice(list(caller.forms)), chance.uniform(-1e6, 1e6)
        begun, lost, wrong = time.monotonic(), None, None
        try:
            y = caller.forms[form](x, f"{number}-{count}")
            wrong = None if y == x * 2 + 1 else f"{form}: {y} came for {x}"
        except Lost as reported:
            lost = str(reported)
        except Exception as error:  # noqa: BLE001  # Whatever else came is wrong.
            wrong = f"{form}: {type(error).__name__}: {error}"
        with tally.lock:
            if wrong is not None:
                tally.wrong.append(wrong)
            elif lost is None:
                tally.answered[form] += 1
            else:
                tally.lost[f"{form} {lost}"] += 1
                tally.latest_s = max(tally.latest_s, time.monotonic() - begun)
    caller.close()


def disturb(server: Server, seed: int, stop: threading.Event, tally: Tally) -> None:
    """Kill a worker, then load the model anew in all of them; and so on. One worker always stays."""
    chance = random.Random(seed)
    host, port = server.address
    while not stop.wait(chance.uniform(1.0, 3.0)):
        if server.status["state"] != "ready":
            continue
        with suppress(ProcessLookupError):
            os.kill(chance.choice(server.workers), signal.SIGKILL)
            tally.kills += 1
        if stop.wait(chance.uniform(1.0, 3.0)) or server.status["state"] != "ready":
            continue
        with suppress(httpx.HTTPError):
            answer = httpx.post(f"http://{host}:{port}/v2/repository/models/Stamp/load", timeout=30)
            tally.loads += answer.status_code == 200


def soak(*, seconds: float, workers: int, callers: int, seed: int) -> tuple[Tally, list[float]]:
    """The tally, and the memory of all workers together, measured every second in which all were there."""
    tally, stop, memory = Tally(), threading.Event(), list[float]()
    options = ["--workers", str(workers), "--allow-repository-control"]
    with running("Stamp", *options) as server:
        threads = [threading.Thread(target=call_on, args=(server, n, seed, stop, tally)) for n in range(callers)]
        threads.append(threading.Thread(target=disturb, args=(server, seed, stop, tally)))
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(1.0)
            if server.status["state"] == "ready":
                memory.append(server.resident_mb())
        stop.set()
        for thread in threads:
            thread.join()
    return tally, memory


def failures(tally: Tally, memory: list[float], callers: int) -> list[str]:
    """What is not as it must be."""
    found = list(tally.wrong[:10])
    most = tally.kills * callers
    if (lost := tally.lost.total()) > most:
        found.append(f"{lost} requests were lost, and {tally.kills} killed workers had at most {most} in their hands")
    if tally.latest_s > _LATE_S:
        found.append(f"a loss was reported after {tally.latest_s:.1f} s")
    if not tally.kills or not tally.loads or len(tally.answered) < 4:
        found.append("the soak was too short to show anything")
    quarter = len(memory) // 4
    if quarter and max(memory[-quarter:]) > max(memory[:quarter]) * _GROWTH + _SLACK_MB:
        found.append(f"memory grew from {max(memory[:quarter]):.0f} to {max(memory[-quarter:]):.0f} MB")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--callers", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    tally, memory = soak(seconds=options.seconds, workers=options.workers, callers=options.callers, seed=options.seed)
    found = failures(tally, memory, options.callers)
    reported = {
        "seconds": options.seconds,
        "answered": dict(tally.answered),
        "lost_and_reported": dict(tally.lost),
        "reported_within_s": round(tally.latest_s, 3),
        "wrong": len(tally.wrong),
        "killed_workers": tally.kills,
        "loads": tally.loads,
        "memory_mb": [round(memory[0]), round(max(memory)), round(memory[-1])] if memory else [],
        "failures": found,
    }
    print(orjson.dumps(reported, option=orjson.OPT_INDENT_2).decode())
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
