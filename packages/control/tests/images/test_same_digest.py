"""The same version is the same image, whoever builds it."""

import os
import subprocess
import sys
from pathlib import Path

import imaging_process


def make(folder: Path, **environment: str) -> str:
    folder.mkdir()
    support = str(Path(imaging_process.__file__).parent)
    command = [sys.executable, "-W", "ignore", imaging_process.__file__, str(folder)]
    variables = {**os.environ, "PYTHONPATH": support, **environment}
    made = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def test_two_processes_in_two_homes_make_the_same_image(tmp_path: Path) -> None:
    first = make(tmp_path / "first", PYTHONHASHSEED="1", TZ="UTC")
    second = make(tmp_path / "second", PYTHONHASHSEED="2", TZ="Asia/Tokyo", LC_ALL="C")
    assert first.startswith("sha256:")
    assert second == first
