"""A package that comes as source, and whose build tries what it may not."""

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import UvEnvironments
from modelyard.errors import Invalid
from modelyard.home import Home
from modelyard.isolation import IsolationChoice, choose_isolation, landlock

BACKEND = """
import json, os, zipfile
from pathlib import Path

def tried(action):
    try:
        action()
    except OSError as exc:
        return type(exc).__name__
    return "done"

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    outcomes = {{
        "token": tried(lambda: Path({token!r}).read_text()),
        "cache": tried(lambda: Path({cache!r}, "poison").write_text("x")),
        "environment": tried(lambda: Path({other!r}, "poison.py").write_text("x")),
    }}
    name = "delta-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        wheel.writestr("delta.py", "OUTCOMES = " + repr(json.dumps(outcomes)))
        info = "delta-1.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: delta\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "delta"
version = "1.0"
"""


def quiet(_: str) -> None:
    """Nobody reads it."""


@pytest.fixture
def other(home: Home) -> Path:
    """Another environment of the home."""
    folder = home.environments / "other"
    folder.mkdir()
    return folder


@pytest.fixture
def delta(index: Path, home: Home, other: Path, uv_settings: dict[str, str]) -> None:
    """The package, on the index as source only."""
    home.token_file.write_text("secret")
    backend = BACKEND.format(token=str(home.token_file), cache=uv_settings["UV_CACHE_DIR"], other=str(other))
    files = {"pyproject.toml": PROJECT, "backend.py": backend}
    files["PKG-INFO"] = "Metadata-Version: 2.1\nName: delta\nVersion: 1.0\n"
    with tarfile.open(index / "delta-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"delta-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


def make(home: Home, clock: ManualClock, settings: dict[str, str], *, builds_sources: bool = True) -> UvEnvironments:
    return UvEnvironments(
        home=home,
        clock=clock,
        lock_ttl_seconds=60,
        environment=settings,
        isolation=choose_isolation(IsolationChoice.AUTO, home=home.root),
        builds_sources=builds_sources,
    )


@pytest.mark.usefixtures("delta")
class TestAPackageThatComesAsSource:
    @pytest.mark.skipif(not landlock.abi_version(), reason="the kernel has no Landlock")
    def test_its_build_reaches_neither_our_secrets_nor_what_others_execute(
        self, home: Home, clock: ManualClock, uv_settings: dict[str, str], other: Path
    ) -> None:
        Path(uv_settings["UV_CACHE_DIR"]).mkdir()
        environments = make(home, clock, uv_settings)

        lock = environments.lock(["delta", "alpha"], log=quiet)
        built = environments.ensure(lock, log=quiet)

        reported = subprocess.check_output(
            [built.python, "-c", "import alpha, delta; print(delta.OUTCOMES)"], text=True
        )
        assert "done" not in json.loads(reported).values()
        assert not list(other.iterdir())
        assert not (Path(uv_settings["UV_CACHE_DIR"]) / "poison").exists()

    @pytest.mark.parametrize("variable", [None, "UV_NO_BUILD"])
    def test_it_is_refused_where_nothing_is_built(
        self, home: Home, clock: ManualClock, uv_settings: dict[str, str], variable: str | None
    ) -> None:
        settings = uv_settings if variable is None else {**uv_settings, variable: "1"}

        with pytest.raises(Invalid) as caught:
            make(home, clock, settings, builds_sources=variable is not None).lock(["delta"], log=quiet)

        assert caught.value.code == "source_build_refused"
        assert "delta" in caught.value.message

    def test_wheels_need_no_build(self, home: Home, clock: ManualClock, uv_settings: dict[str, str]) -> None:
        environments = make(home, clock, uv_settings, builds_sources=False)

        assert environments.ensure(environments.lock(["alpha"], log=quiet), log=quiet).path.is_dir()
