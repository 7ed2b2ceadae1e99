"""The command `modelyard-serve`: options to settings, settings to a running server. It imports no model library."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any

from modelyard_serving import __version__
from modelyard_serving.errors import MissingExtra, ServingError, UsageError
from modelyard_serving.grpc import has_grpc
from modelyard_serving.settings import TYPES, Settings, kinds, read_config

_HELP = {
    "name": "the model's name, instead of the one from the path",
    "version": "the model's version, likewise",
    "mlflow_uri": "the address of the tracking server that has the model's run, as /metadata reports it",
    "host": "the address to listen on (127.0.0.1)",
    "port": "the port of HTTP (8080); 0 takes a free one",
    "grpc_port": "a port for gRPC alone; it is also taken on the port of HTTP",
    "workers": "how many processes serve, each with the model loaded (1)",
    "handover": "a folder through which servers of one address hand over their listening sockets",
    "status_file": "a status file with the state of the server and of each worker",
    "trust_pickle": "load a bare pickle or joblib file, which runs whatever code is in it",
    "device": "what the model computes on: cpu, cuda, cuda:N, or auto for a GPU where there is one (cpu)",
    "max_memory_mb": "replace a worker whose resident memory grows over this",
    "hang_timeout_s": "replace a worker whose event loop does not move for so long (30)",
    "start_timeout_s": "give up a worker that is not ready after so long (600)",
    "start_attempts": "exit with code 1 when no worker is ready and each one failed to start so many times in a row; "
    "without it the server goes on trying",
    "lame_duck_s": "when stopping: not ready, but answering, for so long (1)",
    "drain_timeout_s": "when stopping: wait so long for requests in flight (30)",
    "max_body_bytes": "the largest body, as sent and unpacked (64 MiB)",
    "max_queue": "the length of the request queue; further requests get a 503 (256)",
    "max_concurrency": "concurrent predictions; the number of cores for a thread-safe model, else 1",
    "request_timeout_s": "the longest that a request may wait for its answer",
    "inline_limit_ms": "predictions expected to be shorter than this run on the event loop itself (1)",
    "batching": "auto: concurrent requests are computed as one batch where the measured curve shows a gain; off: never",
    "otlp_endpoint": "send a span for each request to this OpenTelemetry collector, e.g. http://localhost:4318",
    "request_log": "a folder for Parquet files of sampled requests with their rows and answers",
    "request_log_sample": "which part of the requests is sampled (0.01)",
    "allow_repository_control": "let callers load the model anew and unload it",
    "allowed_hosts": "names, separated by commas, by which callers may reach this server besides localhost and IP "
    "addresses; *.example.com is every name below example.com",
    "allowed_origins": "web pages of other sites that may call, separated by commas, e.g. https://console.example.com",
    "log_level": "debug, info, warning or error (info)",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command, and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command: 0 after a clean stop, 2 for wrong usage; of `--check` 0 or 1."""
    options = vars(_parser().parse_args(arguments))
    config, is_check = options.pop("config"), options.pop("check")
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = _settings(given, config)
        _check_path(settings.path)
        if is_check:
            return _check(settings)
        return _serve(settings, given, config)
    except ServingError as error:
        print(error.message, file=sys.stderr)  # noqa: T201  # A command talks to a person.
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelyard-serve",
        description="Serve one model by the Open Inference Protocol, /predict, /docs and /metrics.",
    )
    parser.add_argument("path", metavar="PATH", help="a bundle, an MLflow model folder, a model file, or module:Class")
    for field in fields(Settings):
        if field.name == "path":
            continue
        option = "--" + field.name.replace("_", "-")
        kind = next(kind for kind in kinds(TYPES[field.name]) if kind is not NoneType)
        if kind is bool:
            parser.add_argument(option, action="store_true", default=None, help=_HELP[field.name])
        else:
            parser.add_argument(option, type=kind, metavar=kind.__name__.upper(), help=_HELP[field.name])
    parser.add_argument(
        "--config", metavar="FILE", help="a JSON file of these settings; SIGHUP reads its workers again"
    )
    parser.add_argument("--check", action="store_true", help="load the model, predict its example, print a report")
    parser.add_argument("--version-of-server", action="version", version=__version__)
    return parser


def _settings(given: dict[str, Any], config: str | None) -> Settings:
    """The file's settings under those of the command line."""
    from_file = {} if config is None else read_config(Path(config))
    return Settings.of({**from_file, **given})


def _check_path(path: str) -> None:
    if ":" not in path and not Path(path).exists():
        raise UsageError(f"there is no {path}")


def _serve(settings: Settings, given: dict[str, Any], config: str | None) -> int:
    from modelyard_serving.logs import configure_logs  # noqa: PLC0415  # --help must not wait for it.
    from modelyard_serving.metrics.shared_memory import make_metrics_file  # noqa: PLC0415  # --help must not wait for it.
    from modelyard_serving.workers.handover import join  # noqa: PLC0415  # As above.
    from modelyard_serving.workers.process import spawn_process  # noqa: PLC0415  # As above.
    from modelyard_serving.workers.supervisor import Supervisor  # noqa: PLC0415  # As above.

    configure_logs(settings.log_level)
    _check_grpc(settings)
    listeners, handover = join(settings.handover, settings.host, settings.port, settings.grpc_port)

    async def supervise() -> int:
        supervisor = Supervisor(
            settings,
            listeners=listeners,
            metrics_file=make_metrics_file(),
            spawn=spawn_process,
            reload=lambda: _settings(given, config),
            handover=handover,
        )
        return await supervisor.run()

    return asyncio.run(supervise())


def _check_grpc(settings: Settings) -> None:
    if settings.grpc_port is not None and not has_grpc():
        raise MissingExtra(extra="grpc", needed_for="--grpc-port")


def _check(settings: Settings) -> int:
    from modelyard_serving.check import check  # noqa: PLC0415  # It loads a model.

    report = check(settings)
    print(json.dumps(report))  # noqa: T201  # As above.
    return 0 if report["ok"] else 1
