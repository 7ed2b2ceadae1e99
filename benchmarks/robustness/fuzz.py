"""Fuzzing of the model server's parsers: spoilt requests over real sockets to a real server process.

    python -m benchmarks.robustness.fuzz --inputs 10000                 all forms
    python -m benchmarks.robustness.fuzz --form json --inputs 500000 --seed 3

Every answer must be of the error contract and come in time; no worker may die; its peak memory stays under a bound; and
at the end it answers a valid request. A request that breaks this is written down, and the exit code is 1. The same seed
makes the same requests.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from benchmarks.robustness import grpc_forms
from benchmarks.robustness.callers import Broken, GrpcCaller, HttpCaller, judge, judge_wire, raw_exchange
from benchmarks.robustness.forms import COLUMNS, DOCUMENT, HTTP_FORMS, INFER, Wanted, wire
from benchmarks.robustness.running import Server, running

FORMS = (*HTTP_FORMS, "wire", "grpc", "http2")
_VALID = {
    "Tensor": Wanted(INFER, orjson.dumps(DOCUMENT)),
    "Frame": Wanted("/predict", orjson.dumps({"inputs": COLUMNS})),
}


@dataclass
class Finding:
    """What one form's inputs came to."""

    form: str
    inputs: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    broken: str | None = None
    request: bytes = b""

    def to_json(self) -> dict[str, Any]:
        reported = {"form": self.form, "inputs": self.inputs, "seconds": round(self.seconds, 1), "broken": self.broken}
        return {**reported, "peak_mb": round(self.peak_mb), "answers": dict(self.answers.most_common())}


Try = Callable[[random.Random], tuple[bytes, Callable[[], str]]]
"""Makes one input: its bytes, and what sends it and judges the answer."""


@contextmanager
def _tries(form: str, server: Server) -> Iterator[Try]:
    """What tries one input of the form after the other."""
    if form in HTTP_FORMS:
        http, make = HttpCaller(server.address), HTTP_FORMS[form][1]

        def ask(chance: random.Random) -> tuple[bytes, Callable[[], str]]:
            data = make(chance).to_bytes()
            return data, lambda: judge(http.ask(data))

        yield ask
        http.close()
    elif form == "grpc":
        caller = GrpcCaller(server.grpc_address)

        def call(chance: random.Random) -> tuple[bytes, Callable[[], str]]:
            message = grpc_forms.message(chance)
            return message, lambda: caller.ask(message)

        yield call
        caller.close()
    else:
        address = server.address if form == "wire" else server.grpc_address
        make_bytes = wire if form == "wire" else grpc_forms.connection

        def exchange(chance: random.Random) -> tuple[bytes, Callable[[], str]]:
            data = make_bytes(chance)
            return data, lambda: _judged(form, raw_exchange(address, data))

        yield exchange


def _judged(form: str, data: bytes) -> str:
    if form == "wire":
        return judge_wire(data)
    if data and data[3] > 9:
        raise Broken(f"no frame of HTTP/2: {data[:100]!r}")
    return "frames" if data else "none"


def fuzz(form: str, *, inputs: int, seed: int, most_mb: float) -> Finding:
    """Try so many inputs of one form, or as many as it takes to find one that breaks the contract."""
    chance, finding = random.Random(f"{seed} {form}"), Finding(form)
    model = HTTP_FORMS[form][0] if form in HTTP_FORMS else "Tensor"
    with running(model, "--max-memory-mb", "4096") as server, _tries(form, server) as make:
        begun, workers = time.perf_counter(), server.workers
        while finding.inputs < inputs and finding.broken is None:
            finding.request, ask = make(chance)
            finding.inputs += 1
            try:
                finding.answers[ask()] += 1
            except Exception as error:  # noqa: BLE001  # Whatever the caller meets is a finding.
                finding.broken = f"{type(error).__name__}: {error}; {server.last_exit()}"
        finding.seconds = time.perf_counter() - begun
        finding.peak_mb = server.peak_mb()
        finding.broken = finding.broken or _broken(server, model, workers, finding.peak_mb, most_mb)
    return finding


def _broken(server: Server, model: str, workers: list[int], peak_mb: float, most_mb: float) -> str | None:
    """What is wrong with the server after all inputs."""
    if peak_mb > most_mb:
        return f"its memory reached {peak_mb:.0f} MB, over the bound of {most_mb:.0f} MB"
    caller = HttpCaller(server.address)
    answer = caller.ask(_VALID[model].to_bytes())
    caller.close()
    if answer.status != 200:
        return f"a valid request is answered with {answer.status}: {answer.body[:200]!r}"
    return None if server.workers == workers else "a worker died and was replaced"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS, action="append", help="only these forms (default: all)")
    parser.add_argument("--inputs", type=int, default=10_000, help="of each form")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--most-mb", type=float, default=1024, help="a worker's resident memory must stay under it")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="where a breaking request is written")
    options = parser.parse_args(arguments)
    is_well = True
    for form in options.form or FORMS:
        finding = fuzz(form, inputs=options.inputs, seed=options.seed, most_mb=options.most_mb)
        print(orjson.dumps(finding.to_json()).decode(), flush=True)
        if finding.broken:
            is_well = False
            options.keep.mkdir(exist_ok=True)
            (options.keep / f"{form}-{options.seed}-{finding.inputs}").write_bytes(finding.request)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
