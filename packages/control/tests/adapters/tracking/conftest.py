"""Real MLflow servers for the tests of the tracker: on SQLite and disk, on PostgreSQL and S3, and on Azure Blob."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3
import httpx
import pytest
from azure.storage.blob import BlobServiceClient
from sqlalchemy import create_engine, text

_AZURE_ACCOUNT = "devstoreaccount1"
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, which its documentation gives to everybody."""


@pytest.fixture(scope="session")
def mlflow_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its database and its files."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="session")
def mlflow_backend(mlflow_folder: Path) -> str:
    """The address of the server's own database."""
    return f"sqlite:///{mlflow_folder}/mlflow.db"


@pytest.fixture(scope="session")
def mlflow_server(mlflow_folder: Path, mlflow_backend: str) -> Iterator[str]:
    """The address of an MLflow tracking server on SQLite, with artifacts on disk."""
    with _mlflow(mlflow_folder, backend=mlflow_backend, artifacts=str(mlflow_folder / "files")) as uri:
        yield uri


@pytest.fixture(scope="session")
def mlflow_on_s3(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[str]:
    """The address of an MLflow tracking server on PostgreSQL, with artifacts in an S3 bucket."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE mlflow"))
    engine.dispose()
    backend = f"{postgres_url.rpartition('/')[0]}/mlflow"
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    folder = tmp_path_factory.mktemp("s3")
    port = _free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    endpoint = f"http://127.0.0.1:{port}"
    with _process(command, folder, credentials, name="moto", health=f"{endpoint}/moto-api/data.json"):
        boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).create_bucket(Bucket="ml-artifacts")
        environment = {**credentials, "MLFLOW_S3_ENDPOINT_URL": endpoint}
        with _mlflow(folder, backend=backend, artifacts="s3://ml-artifacts/root", environment=environment) as uri:
            yield uri


@pytest.fixture(scope="session")
def mlflow_on_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow tracking server with artifacts in an Azure Blob container."""
    azurite = shutil.which("azurite-blob")
    if azurite is None:
        pytest.skip("Azurite (azurite-blob, of npm's package azurite) is not on this machine")
    folder, port = tmp_path_factory.mktemp("azure"), _free_port()
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "blobs")]
    endpoint = f"http://127.0.0.1:{port}/{_AZURE_ACCOUNT}"
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={_AZURE_ACCOUNT};AccountKey={_AZURE_KEY};BlobEndpoint={endpoint};"
    )
    command = [azurite, *options, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with _process(command, folder, {}, name="azurite", health=endpoint):
        with BlobServiceClient.from_connection_string(connection) as blobs:
            blobs.create_container("ml-artifacts")
        artifacts = f"wasbs://ml-artifacts@{_AZURE_ACCOUNT}.blob.core.windows.net/root"
        environment = {"AZURE_STORAGE_CONNECTION_STRING": connection}
        backend = f"sqlite:///{folder}/mlflow.db"
        with _mlflow(folder, backend=backend, artifacts=artifacts, environment=environment) as uri:
            yield uri


@contextmanager
def _mlflow(
    folder: Path, *, backend: str, artifacts: str, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    port = _free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    options = ["--backend-store-uri", backend, "--artifacts-destination", artifacts]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    variables = {**quiet, **(environment or {})}
    with _process([*command, *options], folder, variables, name="mlflow", health=f"{uri}/health"):
        yield uri


@contextmanager
def _process(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], *, name: str, health: str
) -> Iterator[None]:
    """A server that answers, in a process group of its own."""
    with (folder / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(health, server, log=folder / f"{name}.log")
        yield
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def _wait_for(health: str, server: "subprocess.Popen[bytes]", *, log: Path) -> None:
    """Until it answers, whatever it answers."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
        try:
            httpx.get(health, timeout=1)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the server does not answer: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
