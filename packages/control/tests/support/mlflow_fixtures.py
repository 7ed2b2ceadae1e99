"""A real MLflow tracking server, one for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tracking_servers import serve_mlflow


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
    with serve_mlflow(mlflow_folder, backend=mlflow_backend, artifacts=str(mlflow_folder / "files")) as uri:
        yield uri
