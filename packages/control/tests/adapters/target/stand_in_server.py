"""A model server that keeps the process contract of docs/architecture/03 and serves nothing but readiness."""

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SLEEP = "import time; time.sleep(3600)"


def outcome_of_reading(path: Path) -> str:
    """As a model's code could try."""
    try:
        return path.read_text()
    except OSError as exc:
        return type(exc).__name__


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_port = True  # Two generations of a deployment share a port.


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = self.path.partition("?read=")[2]
        if wanted:
            body = json.dumps({"read": outcome_of_reading(Path(wanted))}).encode()
        else:
            body = json.dumps({"environment": dict(os.environ), "nice": os.nice(0)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing is logged for a request."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--status-file", type=Path)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--max-memory-mb", type=int)
    parser.add_argument("--handover")
    options = parser.parse_args()
    if not options.path.exists():
        sys.stderr.write(f"There is no bundle at {options.path}.\n")
        sys.exit(2)
    settings = json.loads(options.config.read_text())
    sys.stderr.write(f"stand-in serves {options.path}\n")
    time.sleep(float(os.environ.get("STAND_IN_IMPORT_SECONDS", "0")))  # Handles no signal yet, as while it imports.
    workers: list[subprocess.Popen[bytes]] = []
    started_at = datetime.now(UTC).isoformat()

    def scale(wanted: int) -> None:
        while len(workers) < wanted:
            workers.append(subprocess.Popen([sys.executable, "-c", SLEEP]))
        while len(workers) > wanted:
            workers.pop().kill()

    def write(state: str) -> None:
        seen = [
            {"index": i, "pid": w.pid, "state": "ready", "started_at": started_at, "restarts": 0, "rss_bytes": 1000}
            for i, w in enumerate(workers)
        ]
        now = datetime.now(UTC).isoformat()
        status = {"pid": os.getpid(), "address": "", "state": state, "updated_at": now, "workers": seen}
        beside = options.status_file.with_suffix(".new")
        beside.write_text(json.dumps(status))
        beside.replace(options.status_file)

    hangups = []
    stopping = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: hangups.append(1))
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    server = Server((options.host, options.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scale(settings["workers"])
    while not stopping.is_set():
        if hangups:
            hangups.clear()
            scale(json.loads(options.config.read_text())["workers"])
        write("ready")
        time.sleep(0.05)
    for worker in workers:
        worker.kill()
        worker.wait()
    server.server_close()


if __name__ == "__main__":
    main()
