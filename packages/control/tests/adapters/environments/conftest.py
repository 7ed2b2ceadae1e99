"""A package index that is a folder of tiny wheels (alpha 1.0 and 2.0, beta that needs alpha<2), and uv that asks it."""

import base64
import hashlib
import socket
import zipfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import UvEnvironments
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION

DAY = timedelta(days=1)


def write_wheel(folder: Path, *, name: str, version: str, requires: str | None = None, body: str = "") -> Path:
    """A wheel with one module of the package's name."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": body or f"VERSION = '{version}'\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(_record(path, text) for path, text in files.items()) + f"{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def _record(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text)}\n"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder of wheels that stands for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    write_wheel(folder, name="alpha", version="1.0")
    write_wheel(folder, name="alpha", version="2.0")
    write_wheel(folder, name="beta", version="1.0", requires="alpha<2")
    return folder


@pytest.fixture
def make_wheel(index: Path) -> Callable[..., Path]:
    """Puts one more wheel on the index."""
    return partial(write_wheel, index)


@pytest.fixture
def uv_settings(index: Path, tmp_path: Path) -> dict[str, str]:
    """An operator's environment, in which only the folder of wheels is asked."""
    settings = tmp_path / "settings.toml"
    settings.write_text("no-index = true\n")
    return {"UV_CONFIG_FILE": str(settings), "UV_FIND_LINKS": str(index), "UV_CACHE_DIR": str(tmp_path / "cache")}


@pytest.fixture
def unanswered(tmp_path: Path) -> dict[str, str]:
    """An operator's environment, in which the index is at a port of this machine where nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{probe.getsockname()[1]}/simple"
    return {"UV_CACHE_DIR": str(tmp_path / "cache"), "UV_DEFAULT_INDEX": index, "UV_HTTP_RETRIES": "0"}


@pytest.fixture
def make_uv(home: Home, clock: ManualClock) -> Callable[[Mapping[str, str]], UvEnvironments]:
    """A process's own adapter over the home that all share."""

    def make(environment: Mapping[str, str]) -> UvEnvironments:
        return UvEnvironments(
            home=home,
            clock=clock,
            lock_ttl_seconds=DAY.total_seconds(),
            environment=environment,
            isolation=NO_ISOLATION,
        )

    return make
