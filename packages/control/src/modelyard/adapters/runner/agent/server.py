"""The run agent's process: `python -I /opt/modelyard-agent`, process 1 of a container.

It answers whoever has the run's token: takes the run, says what it does, gives its log and the files that it left, and
ends it. The run itself is a local runner's, with its supervisor. What a run left is held until the container is
removed, or for as long as `HOLD` says, so that a control plane that was away finds it.
"""

import ctypes
import hmac
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs, urlsplit

from modelyard.adapters.runner.agent.exchange import (
    AGENT_FOLDER,
    DRIVER_FOLDER,
    GRACE,
    HOLD,
    HOST,
    LISTENING,
    PORT,
    TOKEN,
    TOKEN_HEADER,
    WAITING,
    WORK_FOLDER,
    receive_run,
)
from modelyard.adapters.runner.agent.file_stream import copied, file_header
from modelyard.adapters.runner.local import LocalRunner
from modelyard.adapters.runner.supervise import supervise_run
from modelyard.errors import ModelyardError, NotFound
from modelyard.isolation import IsolationChoice, choose_isolation
from modelyard.ports.files import FileEntry
from modelyard.ports.runner import RunPhase

_PR_SET_DUMPABLE = 4
_LARGEST_FILE = 64 * 1024 * 1024
_MOST_BYTES = 1024 * 1024 * 1024
"""Of the files that are given at the end. A run's models are with the tracker; these are modules and small results."""
_CHECK_SECONDS = 5.0
_SUPERVISE = "supervise"
_DRIVER = Path(f"/{DRIVER_FOLDER}/bin/python")
"""The run's own environment has no digest here."""
_NAMED = {"USER": "modelyard"}
"""For `getpass.getuser()`: the user of a container has a number and no name."""


class Agent:
    """The one run of this container."""

    def __init__(self, folder: Path, *, grace_seconds: float) -> None:
        self._received = folder / "received"
        # The container is a view of its own already; within it Landlock keeps the agent's files from the script.
        isolation = replace(choose_isolation(IsolationChoice.AUTO), has_private_mounts=False)
        self._runner = LocalRunner(
            folder / "runs",
            python=lambda digest: _DRIVER if digest else Path(sys.executable),
            grace_seconds=grace_seconds,
            isolation=isolation,
            supervisor=(sys.executable, "-I", f"/{AGENT_FOLDER}", _SUPERVISE),
        )
        self._turn = threading.Lock()
        self._key: str | None = None

    def begin(self, body: "_Body") -> None:
        """Take the run, if none was taken before."""
        with self._turn:
            if self._key is not None:
                return
            shutil.rmtree(self._received, ignore_errors=True)
            self._received.mkdir(parents=True)
            spec = receive_run(body, self._received)
            self._runner.start(replace(spec, environment={**_NAMED, **spec.environment}))
            shutil.rmtree(self._received / "project", ignore_errors=True)  # The run has a copy of its own.
            self._key = spec.run_key

    def state(self) -> dict[str, object]:
        """What the run does."""
        if self._key is None:
            return {"phase": WAITING, "log_size": 0}
        outcome = self._runner.observe(self._key)
        return {
            "phase": outcome.phase,
            "exit_code": outcome.exit_code,
            "reason": outcome.reason,
            "tracking_uri": outcome.tracking_uri,
            "log_size": self._runner.log_size(self._key),  # Afterwards: all of it, when the run has ended.
        }

    def log(self, offset: int) -> bytes:
        """A part of the log."""
        return b"" if self._key is None else self._runner.read_log(self._key, offset).content

    def cancel(self) -> None:
        """Begin to end the run."""
        if self._key is not None:
            threading.Thread(target=self._runner.cancel, args=[self._key], daemon=True).start()

    def files(self) -> list[FileEntry]:
        """The files that the run left, but for those that are too large."""
        found, left = [], _MOST_BYTES
        for path in [] if self._key is None else self._runner.files(self._key, "."):
            try:
                with self._runner.open_file(self._key or "", path) as file:
                    size = os.fstat(file.fileno()).st_size
            except NotFound:
                continue
            if size <= min(_LARGEST_FILE, left):
                found.append(FileEntry(path, size))
                left -= size
        return found

    def write_file(self, entry: FileEntry, answer: "_Handler") -> None:
        """Write one of them into an answer."""
        with self._runner.open_file(self._key or "", entry.path) as file:
            answer.wfile.write(file_header(entry))
            for chunk in copied(file, entry.size):
                answer.wfile.write(chunk)

    @property
    def runs(self) -> bool:
        """Whether the run runs now."""
        return self._key is not None and self._runner.observe(self._key).phase is RunPhase.RUNNING


class _Body:
    """The body of a request, which ends where its header says."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._file = handler.rfile
        self._left = int(handler.headers.get("Content-Length") or 0)

    def read(self, size: int) -> bytes:
        content = self._file.read(min(size, self._left))
        self._left -= len(content)
        return content

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(min(limit, self._left))
        self._left -= len(line)
        return line


class _Handler(BaseHTTPRequestHandler):
    """One request. Each connection has one."""

    agent: Agent
    token: str
    timeout = 60
    server_version, sys_version = "modelyard-run-agent", ""

    def do_GET(self) -> None:
        """State, log, files."""
        place = urlsplit(self.path)
        if not self._is_allowed():
            return
        if place.path == "/state":
            self._answer(json.dumps(self.agent.state()).encode(), "application/json")
        elif place.path == "/log":
            self._answer(self.agent.log(int(parse_qs(place.query)["offset"][0])), "application/octet-stream")
        elif place.path == "/files":
            self._answer_files()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A run, or the request to end it."""
        if not self._is_allowed():
            return
        if self.path == "/cancel":
            self.agent.cancel()
        elif self.path == "/run":
            try:
                self.agent.begin(_Body(self))
            except ModelyardError as error:
                self._answer(json.dumps({"message": error.message, "code": error.code}).encode(), "application/json")
                return
        else:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._answer(b"{}", "application/json")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base's name.
        """Nothing: an engine keeps what a container writes."""

    def _is_allowed(self) -> bool:
        given = self.headers.get(TOKEN_HEADER, "")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return True
        self.send_error(HTTPStatus.UNAUTHORIZED)
        return False

    def _answer(self, content: bytes, media_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer_files(self) -> None:
        entries = self.agent.files()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(sum(len(file_header(one)) + one.size for one in entries)))
        self.end_headers()
        for entry in entries:
            try:
                self.agent.write_file(entry, self)
            except NotFound:
                break  # Nothing changes after the end; the reader sees that the answer is too short.


def serve(agent: Agent, *, token: str, host: str, port: int, hold_seconds: float) -> None:
    """Answer until nobody has come for what is held in `hold_seconds`, or until SIGTERM."""
    handler = type("Handler", (_Handler,), {"agent": agent, "token": token})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    sys.stdout.write(f"{LISTENING}{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_later, args=[server, agent, hold_seconds], daemon=True).start()
    server.serve_forever()


def _end_later(server: ThreadingHTTPServer, agent: Agent, hold_seconds: float) -> None:
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < hold_seconds:
        if agent.runs:
            idle_since = time.monotonic()
        time.sleep(_CHECK_SECONDS)
    server.shutdown()


def keep_memory_private() -> None:
    """Let no other process of the same user read this one's memory and environment, which have secrets."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main(*arguments: str) -> None:
    """Be the agent, as the environment says; or, as it starts it, the supervisor of the run in a folder."""
    keep_memory_private()
    if arguments:
        supervise_run(Path(arguments[1]))
        return
    signal.signal(signal.SIGTERM, _leave)
    given = {name: os.environ.pop(name, "") for name in (TOKEN, HOST, PORT, GRACE, HOLD)}
    folder = Path(f"/{WORK_FOLDER}")
    tempfile.tempdir = str(folder)
    serve(
        Agent(folder, grace_seconds=float(given[GRACE])),
        token=given[TOKEN],
        host=given[HOST],
        port=int(given[PORT]),
        hold_seconds=float(given[HOLD]),
    )


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
