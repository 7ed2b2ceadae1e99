"""More MLflow servers for the tests of the tracker: on PostgreSQL and S3, and on Azure Blob."""

import shutil
import sys
from collections.abc import Iterator

import boto3
import pytest
from azure.storage.blob import BlobServiceClient
from ports import find_free_port
from sqlalchemy import create_engine, text
from tracking_servers import serve_mlflow, serving

_AZURE_ACCOUNT = "devstoreaccount1"
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, which its documentation gives to everybody."""


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
    port = find_free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    endpoint = f"http://127.0.0.1:{port}"
    with serving(command, folder, credentials, name="moto", health=f"{endpoint}/moto-api/data.json"):
        boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        ).create_bucket(Bucket="ml-artifacts")
        environment = {**credentials, "MLFLOW_S3_ENDPOINT_URL": endpoint}
        with serve_mlflow(folder, backend=backend, artifacts="s3://ml-artifacts/root", environment=environment) as uri:
            yield uri


@pytest.fixture(scope="session")
def mlflow_on_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow tracking server with artifacts in an Azure Blob container."""
    azurite = shutil.which("azurite-blob")
    if azurite is None:
        pytest.skip("Azurite (azurite-blob, of npm's package azurite) is not on this machine")
    folder, port = tmp_path_factory.mktemp("azure"), find_free_port()
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "blobs")]
    endpoint = f"http://127.0.0.1:{port}/{_AZURE_ACCOUNT}"
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={_AZURE_ACCOUNT};AccountKey={_AZURE_KEY};BlobEndpoint={endpoint};"
    )
    command = [azurite, *options, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with serving(command, folder, {}, name="azurite", health=endpoint):
        with BlobServiceClient.from_connection_string(connection) as blobs:
            blobs.create_container("ml-artifacts")
        artifacts = f"wasbs://ml-artifacts@{_AZURE_ACCOUNT}.blob.core.windows.net/root"
        environment = {"AZURE_STORAGE_CONNECTION_STRING": connection}
        backend = f"sqlite:///{folder}/mlflow.db"
        with serve_mlflow(folder, backend=backend, artifacts=artifacts, environment=environment) as uri:
            yield uri
