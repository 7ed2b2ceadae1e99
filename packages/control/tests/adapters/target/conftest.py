"""An environment whose `modelyard-serve` is the stand-in, and a supervisor that is gone after each test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.home import Home
from modelyard.ports.target import ServerSpec
from modelyard.supervision.supervisor import Supervisor


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    supervisor = Supervisor(home)
    yield supervisor
    supervisor.shut_down(patience=5)


@pytest.fixture
def spec(tmp_path: Path, first_port: int) -> ServerSpec:
    binaries = tmp_path / "environment" / "bin"
    binaries.mkdir(parents=True)
    command = binaries / "modelyard-serve"
    command.write_text(f"#!{sys.executable}\n" + Path(__file__).with_name("stand_in_server.py").read_text())
    command.chmod(0o755)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    return ServerSpec(
        deployment_id="d-1",
        generation=1,
        model_name="iris",
        version=1,
        bundle=bundle,
        python=binaries / "python",
        replicas=1,
        memory_bytes=None,
        port=first_port,
    )
