"""A stand-in for the control plane and for a model server, over real HTTP: the shapes of the API with a scripted state.

It holds no logic of the platform. `tests/contract` at the workspace's root holds it against the real application.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

CREATED = "2026-11-21T10:00:00Z"
TOKEN = "secret-token"


def job(job_id: str = "job-1", **changes: Any) -> dict[str, Any]:
    """A queued one-click job of the API, with changes."""
    fields: dict[str, Any] = {
        "job_id": job_id,
        "kind": "one_click",
        "status": "queued",
        "phase": None,
        "progress": 0.0,
        "model_name": "churn",
        "model_version": None,
        "run_id": None,
        "experiment_name": "churn",
        "deployment_id": None,
        "deployment_url": None,
        "api_url": None,
        "source": None,
        "logged_models": [],
        "selection": None,
        "retraining": None,
        "error": None,
        "is_cancelling": False,
        "created_at": CREATED,
        "started_at": None,
        "finished_at": None,
        "duration_seconds": None,
    }
    return fields | changes


def version(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A version of the API, with changes."""
    fields: dict[str, Any] = {
        "name": "churn",
        "version": number,
        "stage": "none",
        "artifact_uri": "models:/m-1",
        "run_id": "run-1",
        "experiment_name": "churn",
        "metrics": {"accuracy": 0.95},
        "claimed_metrics": {},
        "parameters": {"depth": 3},
        "tags": {},
        "description": "",
        "signature": None,
        "datasets": [],
        "manifest_sha256": "5f",
        "size_bytes": 4711,
        "created_at": CREATED,
        "created_by": "admin",
        "revision": 1,
        "job_id": "job-1",
        "provenance": {
            "source": "job",
            "job_id": "job-1",
            "run_id": "run-1",
            "experiment_name": "churn",
            "script_name": "train.py",
            "script_sha256": "a" * 64,
            "archive_sha256": None,
            "arguments": [],
            "parameters": {},
            "environment": {},
            "secrets": [],
            "git_commit": None,
            "git_is_dirty": None,
            "parent_version": None,
            "environment_lock_sha256": "b" * 64,
            "registered_by": "admin",
            "registered_at": CREATED,
        },
    }
    return fields | changes


def model(name: str = "churn", **changes: Any) -> dict[str, Any]:
    """A model of the API, with changes."""
    fields: dict[str, Any] = {
        "name": name,
        "label": name,
        "latest_version": 2,
        "production_version": 1,
        "staging_version": None,
        "created_at": CREATED,
        "last_updated": CREATED,
        "description": "",
        "tags": {},
        "revision": 1,
    }
    return fields | changes


def bundle(**changes: Any) -> dict[str, Any]:
    """A compiled bundle of the API, with changes."""
    fields: dict[str, Any] = {
        "reference": "bundle:churn-v1@sha256:5f",
        "runtime": "onnx",
        "is_compiled": True,
        "compilation": {"accepted": True, "reasons": [], "speed": [{"rows": 1, "speed_up": 40.5}]},
        "training_profile": None,
        "created_at": CREATED,
    }
    return fields | changes


def deployment(deployment_id: str = "dep-1", **changes: Any) -> dict[str, Any]:
    """A ready deployment of the API with one replica, with changes."""
    fields: dict[str, Any] = {
        "deployment_id": deployment_id,
        "model_name": "churn",
        "model_version": 1,
        "target": "local",
        "namespace": "default",
        "status": "ready",
        "reason": None,
        "replicas": 1,
        "ready_replicas": 1,
        "url": None,
        "api_url": None,
        "created_at": CREATED,
        "updated_at": CREATED,
        "created_by": "admin",
        "job_id": "job-1",
        "generation": 1,
        "replacement": None,
        "replica_states": [
            {
                "index": 0,
                "state": "ready",
                "pid": 4243,
                "restarts": 1,
                "rss_bytes": 98_304_000,
                "last_exit": "killed by signal 9",
                "started_at": CREATED,
            }
        ],
    }
    return fields | changes


STATUS: dict[str, Any] = {
    "status": "ok",
    "version": "0.1.0",
    "components": {
        "database": {"status": "ok", "detail": None, "url": None},
        "mlflow": {"status": "ok", "detail": None, "url": "http://127.0.0.1:5000"},
    },
    "jobs": {"running": 1, "succeeded": 3},
    "models": 1,
    "deployments": {"ready": 1},
    "uptime_seconds": 12.5,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to be given."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    breaks_off: bool = False
    """Whether the connection is closed before the body is whole."""


def reply(status: int, value: object, **headers: str) -> Reply:
    """An answer in JSON."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def error(status: int, message: str, code: str, **more: str) -> Reply:
    """An error in the API's one shape."""
    return reply(status, {"error": message, "code": code, "request_id": "req-1", **more})


NO_SUCH = error(404, "there is no such thing", "not_found")


@dataclass
class StandIn:
    """What it holds, what it was asked, and what it shall answer out of turn.

    A job or deployment is a list of readings: each GET takes the next, and the last one stays.
    """

    url: str = ""
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    bundles: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """By model and version."""
    deployments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=lambda: dict(STATUS))
    inputs: list[dict[str, Any]] = field(default_factory=list)
    """What the model server's model declares."""
    prediction: dict[str, Any] = field(default_factory=lambda: {"predictions": [0, 1]})
    gateway_refusal: Reply | None = None
    seen: list[Seen] = field(default_factory=list)
    out_of_turn: list[Reply] = field(default_factory=list)
    """Answers to the next requests, whatever these are."""
    events_before_break: list[int] = field(default_factory=list)
    """After how many events each of the next followed logs is cut off."""

    def answer(self, request: Seen) -> Reply:
        """The answer to a request, which is noted."""
        self.seen.append(request)
        if self.out_of_turn:
            return self.out_of_turn.pop(0)
        is_open = request.path.startswith(("/model/", "/gateway/", "/health/"))
        if not is_open and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return error(401, "expected an access token", "token_missing")
        if self.gateway_refusal is not None and request.path.startswith("/gateway/"):
            return self.gateway_refusal
        for method, pattern, route in ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return route(self, request, *map(unquote, match.groups()))
        return NO_SUCH

    def asked(self, method: str, path: str) -> list[Seen]:
        """The requests of this kind so far."""
        return [request for request in self.seen if (request.method, request.path) == (method, path)]


def _next(readings: dict[str, list[dict[str, Any]]], key: str) -> Reply:
    if key not in readings:
        return NO_SUCH
    rest = readings[key]
    return reply(200, rest.pop(0) if len(rest) > 1 else rest[0])


def _page(request: Seen, plural: str, items: list[dict[str, Any]]) -> Reply:
    start, size = int(request.query.get("cursor", "0")), int(request.query.get("limit", "50"))
    wanted = {name: text for name, text in request.query.items() if name not in {"limit", "cursor"}}
    found = [item for item in items if all(str(item[name]) == text for name, text in wanted.items())]
    following = str(start + size) if start + size < len(found) else None
    return reply(200, {plural: found[start : start + size], "next_cursor": following})


def _submit(standin: StandIn, request: Seen) -> Reply:
    asked = request.json
    name = asked.get("model_name") or asked["script_name"].removesuffix(".py")
    reported = {"job_id": "job-1", "model_name": name, "status": "queued", "message": "accepted"}
    return reply(202, reported)


def _cancel(standin: StandIn, request: Seen, job_id: str) -> Reply:
    if job_id not in standin.jobs:
        return NO_SUCH
    now = standin.jobs[job_id][-1]
    if now["status"] in {"succeeded", "failed", "cancelled"}:
        return error(409, f"job {job_id} has {now['status']} already", "job_finished")
    return reply(202, now)


def _log(standin: StandIn, request: Seen, key: str) -> Reply:
    if key not in standin.logs:
        return NO_SUCH
    start = int(request.query.get("offset") or request.headers.get("last-event-id", "0"))
    content = standin.logs[key]
    if tail := int(request.query.get("tail", "0")):
        start = sum(map(len, content.splitlines(keepends=True)[:-tail]))
    if "text/event-stream" not in request.headers.get("accept", ""):
        headers = {"Content-Type": "text/plain; charset=utf-8", "Modelyard-Log-Offset": str(start)}
        return Reply(200, content[start:], headers)
    events, offset = [], start
    for line in content[start:].splitlines(keepends=True):
        offset += len(line)
        events.append(b"id: %d\nevent: log\ndata: %s\n\n" % (offset, line.rstrip(b"\n")))
    events.append(b'id: %d\nevent: end\ndata: {"status": "succeeded"}\n\n' % offset)
    headers = {"Content-Type": "text/event-stream"}
    if standin.events_before_break:
        events = events[: standin.events_before_break.pop(0)]
        return Reply(200, b"".join(events), headers, breaks_off=True)
    return Reply(200, b"".join(events), headers)


def _scale(standin: StandIn, request: Seen, key: str) -> Reply:
    if key not in standin.deployments:
        return NO_SUCH
    changed = {name: value for name, value in request.json.items() if name in {"replicas", "autoscaling"}}
    if (version := request.json.get("version")) not in {None, standin.deployments[key][0]["model_version"]}:
        changed["replacement"] = {
            "from_version": standin.deployments[key][0]["model_version"],
            "version": version,
            "generation": 2,
            "status": "building",
            "reason": None,
            "job_id": "job-1",
        }
    standin.deployments[key] = [each | changed for each in standin.deployments[key]]
    return reply(200, standin.deployments[key][0])


def _remove(standin: StandIn, request: Seen, key: str) -> Reply:
    if key not in standin.deployments:
        return NO_SUCH
    now = standin.deployments[key][-1]
    standin.deployments[key] = [now | {"status": "draining"}, now | {"status": "stopped", "ready_replicas": 0}]
    return reply(202, standin.deployments[key][0])


def _list_deployments(standin: StandIn, request: Seen) -> Reply:
    now = [readings[-1] for readings in standin.deployments.values()]
    is_stopped = request.query.get("status") == "stopped"
    return _page(request, "deployments", [each for each in now if (each["status"] == "stopped") == is_stopped])


ROUTES: list[tuple[str, str, Callable[..., Reply]]] = [
    ("POST", "/mlops/projects", lambda s, r: reply(200, {"project": r.json["sha256"], "is_stored": False})),
    ("PUT", "/mlops/projects/([^/]+)", lambda s, r, key: reply(201, {"project": key, "files": 1})),
    ("POST", "/mlops/training/upload", _submit),
    ("POST", "/mlops/deploy", _submit),
    ("GET", "/mlops/jobs", lambda s, r: _page(r, "jobs", [readings[-1] for readings in s.jobs.values()])),
    ("GET", "/mlops/jobs/([^/]+)", lambda s, r, key: _next(s.jobs, key)),
    ("GET", "/mlops/jobs/([^/]+)/log", _log),
    ("GET", "/mlops/jobs/([^/]+)/notebook", lambda s, r, key: reply(200, {"cells": []}) if key in s.jobs else NO_SUCH),
    ("GET", "/mlops/jobs/([^/]+)/notebook.html", lambda s, r, key: reply(200, "page") if key in s.jobs else NO_SUCH),
    ("POST", "/mlops/jobs/([^/]+)/cancel", _cancel),
    ("POST", "/mlops/registry", lambda s, r: reply(201, version(3, name=r.json["name"]))),
    ("GET", "/mlops/models", lambda s, r: _page(r, "models", list(s.models.values()))),
    ("GET", "/api/v1/ml/registry/models", lambda s, r: _page(r, "models", list(s.models.values()))),
    ("GET", "/mlops/models/([^/]+)", lambda s, r, key: reply(200, s.models[key]) if key in s.models else NO_SUCH),
    (
        "GET",
        "/api/v1/ml/registry/models/([^/]+)/versions/([^/]+)/bundle",
        lambda s, r, *key: reply(200, s.bundles[key]) if key in s.bundles else NO_SUCH,
    ),
    ("GET", "/mlops/status", lambda s, r: reply(200, s.status)),
    ("GET", "/health/ready", lambda s, r: reply(200, {"status": "ok"})),
    ("GET", "/api/v1/deployments", _list_deployments),
    ("POST", "/api/v1/deployments", _submit),
    ("GET", "/api/v1/deployments/([^/]+)", lambda s, r, key: _next(s.deployments, key)),
    ("PATCH", "/api/v1/deployments/([^/]+)", _scale),
    ("DELETE", "/api/v1/deployments/([^/]+)", _remove),
    ("GET", "/api/v1/deployments/([^/]+)/logs", _log),
    (
        "GET",
        "/model/metadata",
        lambda s, r: reply(200, {"model_name": "churn", "model_version": "1", "run_id": "run-1", "mlflow_uri": None}),
    ),
    ("GET", "/model/v2/models/churn", lambda s, r: reply(200, {"name": "churn", "inputs": s.inputs})),
    ("POST", "/(?:model|gateway/churn(?:/versions/[0-9]+)?)/predict", lambda s, r: reply(200, s.prediction)),
]


def _handler(standin: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): text for name, text in self.headers.items()}
            query = dict(parse_qsl(parts.query))
            self._send(standin.answer(Seen(self.command, parts.path, query, headers, body)))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815  # The base class's names.

        def _send(self, answer: Reply) -> None:
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            promised = len(answer.body) + (100 if answer.breaks_off else 0)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.breaks_off:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base class's name.
            return

    return Handler


@contextmanager
def serving() -> Iterator[StandIn]:
    """A stand-in on a free port of the loopback, until the end of the context."""
    standin = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(standin))
    server.daemon_threads = True
    standin.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds
