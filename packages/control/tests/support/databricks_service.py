"""A workspace of Databricks as its REST API is documented: what the runner calls, with its states and its errors.

Runs go through their states as a test says. A run that was accepted may be unknown for a moment, a cancellation is
accepted and takes effect later, and any call can be answered with an error that a test has put in its way.
"""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "dapi-of-the-test"
Json = dict[str, Any]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


BUSY = Refused(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests", {"Retry-After": "60"})
DOWN = Refused(503, "TEMPORARILY_UNAVAILABLE", "The service is being upgraded")
BROKEN = Refused(500, "INTERNAL_ERROR", "Internal error")
EXPIRED = Refused(401, "UNAUTHENTICATED", "Token is expired")
FORBIDDEN = Refused(403, "PERMISSION_DENIED", "User does not have permission Manage on the cluster")


@dataclass
class DatabricksService:
    """The state of the workspace, and what a test does to it."""

    port: int = 0
    notebooks: dict[str, Json] = field(default_factory=dict)
    """What was imported and not deleted, by path."""
    imported: list[Json] = field(default_factory=list)
    submitted: list[Json] = field(default_factory=list)
    """What was asked for, once for each token."""
    runs: dict[int, Json] = field(default_factory=dict)
    outputs: dict[int, Json] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    in_the_way: dict[str, list[Refused]] = field(default_factory=dict)
    """Errors that answer the next calls, by the end of their path."""
    unknown_gets: int = 0
    """How often a run is not found yet."""
    after_submit: Callable[[], None] = lambda: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def only_run(self) -> Json:
        (run,) = self.runs.values()
        return run

    def move(self, life_cycle: str, result: str | None = None, *, message: str = "", code: str | None = None) -> None:
        """Let the only run be in this state."""
        run = self.only_run
        run["state"] = {"life_cycle_state": life_cycle, "state_message": message}
        if result is not None:
            run["state"]["result_state"] = result
        run["status"] = {"state": life_cycle if life_cycle in {"RUNNING", "PENDING"} else "TERMINATED"}
        if code is not None:
            run["status"]["termination_details"] = {"code": code, "message": message, "type": "CLIENT_ERROR"}

    def refuse(self, path: str, *errors: Refused) -> None:
        """Answer the next calls of a path with these errors."""
        self.in_the_way.setdefault(path, []).extend(errors)

    def answer(self, path: str, sent: Json, token: str | None) -> Json:
        self.calls.append(path)
        if waiting := self.in_the_way.get(path):
            raise waiting.pop(0)
        if token != f"Bearer {TOKEN}":
            raise EXPIRED
        return self._routes()[path](sent)

    def _routes(self) -> Mapping[str, Callable[[Json], Json]]:
        return {
            "/api/2.0/workspace/mkdirs": lambda _: {},
            "/api/2.0/workspace/import": self._import,
            "/api/2.0/workspace/delete": self._delete,
            "/api/2.2/jobs/runs/submit": self._submit,
            "/api/2.2/jobs/runs/get": self._get,
            "/api/2.2/jobs/runs/list": self._list,
            "/api/2.2/jobs/runs/cancel": self._cancel,
            "/api/2.2/jobs/runs/get-output": self._output,
        }

    def _import(self, sent: Json) -> Json:
        if sent["format"] != "JUPYTER":
            raise Refused(400, "INVALID_PARAMETER_VALUE", "expected JUPYTER")
        self.notebooks[sent["path"]] = json.loads(base64.b64decode(sent["content"]))
        self.imported.append(self.notebooks[sent["path"]])
        return {}

    def _delete(self, sent: Json) -> Json:
        below = [path for path in self.notebooks if path.startswith(f"{sent['path']}/")]
        if not below:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Path ({sent['path']}) doesn't exist.")
        for path in below:
            del self.notebooks[path]
        return {}

    def _submit(self, sent: Json) -> Json:
        for run_id, run in self.runs.items():
            if run["token"] == sent["idempotency_token"]:
                return {"run_id": run_id}
        (task,) = sent["tasks"]
        if task["notebook_task"]["notebook_path"] not in self.notebooks:
            raise Refused(400, "INVALID_PARAMETER_VALUE", "Notebook not found")
        run_id = 455644833 + len(self.runs)
        self.submitted.append(sent)
        self.runs[run_id] = {
            "run_id": run_id,
            "token": sent["idempotency_token"],
            "run_name": sent["run_name"],
            "run_page_url": f"{self.url}/jobs/runs/{run_id}",
            "tasks": [{"run_id": run_id + 1000, "task_key": task["task_key"]}],
        }
        self.move("PENDING", message="Waiting for cluster") if len(self.runs) == 1 else None
        self.after_submit()
        return {"run_id": run_id}

    def _found(self, sent: Json) -> Json:
        run = self.runs.get(int(sent["run_id"]))
        if run is None or self.unknown_gets > 0:
            self.unknown_gets -= 1
            raise Refused(400, "INVALID_PARAMETER_VALUE", f"Run {sent['run_id']} does not exist.")
        return run

    def _get(self, sent: Json) -> Json:
        return self._found(sent)

    def _list(self, sent: Json) -> Json:
        active = [run for run in self.runs.values() if run["state"]["life_cycle_state"] in {"PENDING", "RUNNING"}]
        return {"runs": active, "has_more": False}

    def _cancel(self, sent: Json) -> Json:
        """Accepted; the run ends a moment later."""
        self._found(sent)
        threading.Timer(0.3, lambda: self.move("TERMINATED", "CANCELED", message="Run cancelled.")).start()
        return {}

    def _output(self, sent: Json) -> Json:
        found = self.outputs.get(int(sent["run_id"]))
        if found is None:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"Run {sent['run_id']} does not exist.")
        return found


@contextmanager
def databricks_service() -> Iterator[DatabricksService]:
    """The service, for as long as the block runs."""
    service = DatabricksService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            place = urlsplit(self.path)
            self._answer(place.path, dict(parse_qsl(place.query)))

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(self.path, json.loads(content or b"{}"))

        def _answer(self, path: str, sent: Json) -> None:
            if not path.startswith("/api/"):
                self._send(404, {})
                return
            try:
                with service.lock:
                    answer = service.answer(path, sent, self.headers.get("Authorization"))
                    self._send(200, answer)
            except Refused as refused:
                body = {"error_code": refused.code, "message": refused.message}
                self._send(refused.status, body, refused.headers)

        def _send(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
