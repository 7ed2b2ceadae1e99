"""The program `modelyard-serve` of images for tests: it fails in the ways that its environment names."""

import http.server
import os
import pathlib
import signal
import sys
import threading
import time

STOPPING = threading.Event()
STARTED = time.monotonic()
ANSWERING: list[object] = []


def delay(name: str) -> float:
    return float(os.environ.get(name, "0"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/v2/health/ready":
            is_ready = not STOPPING.is_set() and time.monotonic() - STARTED >= delay("STAND_IN_READY_SECONDS")
            return self.answer(200 if is_ready else 503, b"")
        if self.path.startswith("/write/"):
            return self.answer(200, outcome_of_writing(self.path.removeprefix("/write")))
        if self.path == "/environment":
            return self.answer(200, repr(dict(os.environ)).encode())
        if self.path == "/status":
            return self.answer(200, pathlib.Path("/proc/self/status").read_bytes())
        if self.path == "/arguments":
            return self.answer(200, " ".join(sys.argv[1:]).encode())
        if self.path == "/exit":
            os._exit(7)
        ANSWERING.append(self)
        time.sleep(delay("STAND_IN_ANSWER_SECONDS"))
        self.answer(200, os.environ.get("STAND_IN_VERSION", "1").encode())
        return ANSWERING.remove(self)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing is logged for a request."""


def outcome_of_writing(path: str) -> bytes:
    try:
        pathlib.Path(path).write_text("written")
    except OSError as exc:
        return str(exc.strerror).encode()
    return b"written"


def main() -> None:
    sys.stderr.write(f"stand-in serves {sys.argv[1]}\n")
    if "STAND_IN_EXIT" in os.environ:
        sys.stderr.write("ValueError: the model is broken\n")
        sys.exit(int(os.environ["STAND_IN_EXIT"]))
    if "STAND_IN_MEGABYTES" in os.environ:
        block = bytearray(int(os.environ["STAND_IN_MEGABYTES"]) * 1024 * 1024)
        block[::4096] = b"x" * len(block[::4096])
    http.server.ThreadingHTTPServer.request_queue_size = 128
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler)

    def stop(*_: object) -> None:
        sys.stderr.write("stand-in stops\n")
        STOPPING.set()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.05)
    while ANSWERING:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
