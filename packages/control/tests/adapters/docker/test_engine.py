"""Who a Docker engine on another machine must be."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from modelyard.adapters.docker import DockerEngine, EngineAway, EngineOptions, TlsFiles
from modelyard.adapters.runner.docker_runner import DockerRunnerOptions
from modelyard.adapters.target.docker.engine import Engine
from modelyard.adapters.target.docker.options import DockerOptions


class _Engine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps([] if "containers" in self.path else {"ApiVersion": "1.41"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing is logged for a request."""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """One that is its own authority, and its key."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


@pytest.fixture
def ours(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path, "ours")


@pytest.fixture
def address(ours: tuple[Path, Path]) -> Iterator[str]:
    """Of an engine that has our certificate."""
    server = HTTPServer(("127.0.0.1", 0), _Engine)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"tcp://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_authority_is_that_of_the_options_whatever_the_environment_names(
    ours: tuple[Path, Path], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = certificate(tmp_path, "other")
    for environment, options in ((other, ours), (ours, other)):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(environment[0]))
        tls = TlsFiles(ca_file=options[0], cert_file=ours[0], key_file=ours[1])
        with closing(DockerEngine("eu", EngineOptions(address, tls))) as engine:
            if options is ours:
                with engine.translated():
                    assert engine.api.containers() == []
            else:
                with pytest.raises(EngineAway, match="CERTIFICATE_VERIFY_FAILED"), engine.translated():
                    engine.api.containers()


@pytest.mark.parametrize("name", ["target", "runner"])
def test_target_and_runner_find_the_engine_where_docker_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = HTTPServer(("127.0.0.1", 0), _Engine)
    thread = threading.Thread(target=engine.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{engine.server_port}")
    monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
    options = DockerOptions()
    try:
        if name == "target":
            assert not options.publishes_here
            with closing(Engine("docker", options)) as found:
                assert found.listed({}) == []
        else:
            with closing(DockerEngine("docker", EngineOptions(DockerRunnerOptions().engine))) as runner:
                assert runner.api.containers() == []
    finally:
        engine.shutdown()
        engine.server_close()
        thread.join()
