"""One stack for all end-to-end tests of a process."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import find_free_port
from tests.e2e.stack import Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, figures: dict[str, str]) -> Iterator[Stack]:
    """The running platform. Takes itself down, and fails if a process is left."""
    port, mlflow_port, first = (find_free_port() for _ in range(3))
    stack = Stack(
        home=tmp_path_factory.mktemp("stack") / "a home",
        port=port,
        mlflow_port=mlflow_port,
        settings={
            "MODELYARD_SERVER_PORT_FIRST": str(first),
            "MODELYARD_SERVER_PORT_LAST": str(min(first + 200, 65535)),
            "MODELYARD_REPLICA_MEMORY_MB": "1024",
        },
    )
    begin = time.perf_counter()
    with stack.running():
        figures["modelyard up, a new home"] = f"{time.perf_counter() - begin:.1f} s (owed: 10 s)"
        yield stack
