"""The environments of the peers: each its own, built by uv from a lock with hashes into a cache outside of the
repository, once. It never touches the workspace's own environment."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(__file__).parent / "requirements"
UV = Path(sys.executable).with_name("uv")
DEBIANS_PYTHON = "/usr/bin/python3.11"
SERVING = Path(__file__).parents[2] / "packages" / "serving"
TORCH = "torch==2.13.0"
"""Only the network needs it. It is installed once, and lent to each environment by a path file."""


def cache_folder() -> Path:
    """Where environments and models are kept: `MODELYARD_BENCH_CACHE`, or below the user's cache."""
    reported = os.environ.get("MODELYARD_BENCH_CACHE")
    return Path(reported) if reported else Path.home() / ".cache" / "modelyard" / "benchmarks"


def interpreter() -> str:
    """The Python of all servers: `MODELYARD_BENCH_PYTHON`, or Debian's, or our own. Debian's is optimized as those of
    production images are; one that was built from source without a word is a fifth slower."""
    reported = os.environ.get("MODELYARD_BENCH_PYTHON")
    if reported:
        return reported
    return DEBIANS_PYTHON if Path(DEBIANS_PYTHON).exists() else sys.executable


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python with what one peer needs."""

    lock: str
    """The name of a file in `requirements/`."""
    source: Path | None = None
    """A distribution of this repository that is installed besides: as it is here, and as it will be changed."""

    @property
    def folder(self) -> Path:
        """The prefix of the environment."""
        content = (LOCKS / f"{self.lock}.txt").read_bytes() + f"{interpreter()} {self.source}".encode()
        digest = hashlib.sha256(content).hexdigest()[:12]
        return cache_folder() / "environments" / f"{self.lock}-{digest}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def build(self) -> None:
        """Make it if it is not there. A build that was broken off leaves nothing under its name."""
        if self.python.exists():
            return
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        print(f"building the environment of {self.lock} in {self.folder}", flush=True)
        _run(str(UV), "venv", "--quiet", "--relocatable", "--python", interpreter(), str(unfinished))
        lock = str(LOCKS / f"{self.lock}.txt")
        python = str(unfinished / "bin" / "python")
        _run(str(UV), "pip", "sync", "--require-hashes", "--compile-bytecode", "--python", python, lock)
        if self.source is not None:
            _run(str(UV), "pip", "install", "--no-deps", "--python", python, "--editable", str(self.source))
        unfinished.rename(self.folder)

    def lend(self, library: Path) -> None:
        """Let it import what lies in a folder, after its own packages."""
        (site,) = (self.folder / "lib").glob("python3.*/site-packages")
        (site / "modelyard-bench-lent.pth").write_text(f"{library}\n")


def torch_library() -> Path:
    """The folder of PyTorch, installed by pip if it is not there."""
    folder = cache_folder() / "libraries" / TORCH
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        print(f"installing {TORCH} in {folder}", flush=True)
        _run(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--target", str(unfinished), TORCH)
        unfinished.rename(folder)
    return folder


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
