"""One stack for all documents. It asks for no token, as theirs did not, so that their lines run as they are."""

import json
from collections.abc import Generator, Iterator
from pathlib import Path

import httpx
import pytest
from oci_parts import make_root
from ports import find_free_port
from tests.e2e.seeds.documents import REQUIREMENTS, SCRIPT, deployed
from tests.e2e.stack import Json, Stack
from tls_pairs import write_pair


class SetupFailed(Exception):
    """A fixture did not come about. No `AssertionError`, for which the mark `later` would take it."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """What a test of a document needs must be there, also where the test itself is expected to fail."""
    try:
        return (yield)
    except AssertionError as error:
        raise SetupFailed(str(error)) from error


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running platform. Takes itself down, and fails if a process is left."""
    port, mlflow_port, first, tls_port, backend_port = (find_free_port() for _ in range(5))
    certificate, key = write_pair(tmp_path_factory.mktemp("tls"), 1)
    platform = Stack(
        home=tmp_path_factory.mktemp("seeds") / "home",
        port=port,
        mlflow_port=mlflow_port,
        settings={
            "MODELYARD_SERVER_PORT_FIRST": str(first),
            "MODELYARD_SERVER_PORT_LAST": str(min(first + 200, 65535)),
            "MODELYARD_REPLICA_MEMORY_MB": "1024",
            "MODELYARD_GATEWAY_TLS_CERTIFICATE": str(certificate),
            "MODELYARD_GATEWAY_TLS_KEY": str(key),
            "MODELYARD_GATEWAY_TLS_PORT": str(tls_port),
            "MODELYARD_GATEWAY_SERVICE_HOSTS": json.dumps({"backend-for-ml-model-v1": f"127.0.0.1:{backend_port}"}),
        },
        options=["--no-auth"],
    )
    base = make_root(tmp_path_factory.mktemp("base") / "root")
    platform.run("images", "base", "import", str(base))
    with platform.running():
        yield platform


@pytest.fixture(scope="package")
def anyone(platform: Stack) -> Iterator[httpx.Client]:
    """Who calls the management API without a token."""
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="package")
def my_model(anyone: httpx.Client) -> Json:
    """The first deployment of `my_model`: the answer to the request, and the job when it has ended."""
    body = {
        "script_name": "train.py",
        "script_content": SCRIPT.read_text(),
        "experiment_name": "production",
        "model_name": "my_model",
        "requirements": REQUIREMENTS,
        "replicas": 2,
        "namespace": "asgard",
    }
    accepted = anyone.post("/mlops/deploy", json=body)
    assert accepted.status_code == 202, accepted.text
    return {"accepted": accepted.json(), **deployed(anyone, accepted.json()["job_id"])}


@pytest.fixture(scope="package")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training script as a file of the user's."""
    path = tmp_path_factory.mktemp("user") / "train.py"
    path.write_text(SCRIPT.read_text())
    return path
