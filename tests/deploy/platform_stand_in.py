"""What stands in the place of Modelyard in a pod of the chart: it answers at a port, or says that it has migrated."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answers(BaseHTTPRequestHandler):
    """Everything is well; the answer has the names of the process's variables."""

    def do_GET(self) -> None:
        body = json.dumps({"user": os.getuid(), "variables": sorted(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Probes are many."""


def serve(port: int) -> None:
    """Write to the volume, as the platform does, and answer."""
    Path(f"/var/lib/modelyard/started-{port}").write_text("yes", encoding="utf-8")
    ThreadingHTTPServer(("", port), Answers).serve_forever()


def main() -> None:
    """The control plane."""
    serve(8000)


if __name__ == "__main__":
    if "mlflow_server" in sys.argv[0]:
        serve(5000)
    if "gateway_node" in sys.argv[0]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        serve(8080)
    sys.exit(None if os.environ["MODELYARD_DATABASE_URL"] else "no database")
