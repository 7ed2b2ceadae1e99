"""What `modelyard-serve` is in images of tests: it has its options and health, and predicts where it runs."""

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STOPPING = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_ready = not STOPPING.is_set()
        self._answer(200 if is_ready or self.path != "/v2/health/ready" else 503, {"pod": socket.gethostname()})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(float(os.environ.get("STAND_IN_SECONDS", "0")))
        self._answer(200, {"predictions": json.loads(content)["inputs"], "pod": socket.gethostname()})

    def _answer(self, code: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing is logged for a request."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    options, _ = parser.parse_known_args()
    sys.stderr.write(f"stand-in serves {options.path} as {os.getuid()}\n")
    (Path(os.environ["TMPDIR"]) / "written").write_text("here")
    if "STAND_IN_FAULT" in os.environ:
        raise ValueError(os.environ["STAND_IN_FAULT"])
    server = ThreadingHTTPServer((options.host, options.port), Handler)

    def stop(*_: Any) -> None:
        STOPPING.set()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.05)
    server.server_close()  # It waits for requests in flight.
