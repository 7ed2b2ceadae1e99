"""A base of images that is made of this machine's own Python and the libraries that it and the wheels load."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.oci.base.bases import Base, open_base
from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.layout import Layout

PYTHON = Path("/usr/bin/python3.11")
LIBRARY = Path("/usr/lib/python3.11")


def machine_base(layout: Layout, folder: Path) -> Base:
    """The base, in a layout; the test is skipped where this machine has no such Python."""
    if not PYTHON.exists() or not LIBRARY.exists() or sys.version_info[:2] != (3, 11):
        pytest.skip(f"{PYTHON} is not installed (Debian 12 has it)")
    return open_base(layout, import_root_file_system(make_root(folder), layout, name="base"))


def make_root(folder: Path) -> Path:
    """A root file system with Debian's Python and the libraries that it and the wheels load."""
    names = [PYTHON, *LIBRARY.glob("lib-dynload/*.so")]
    listed = subprocess.run(["ldd", *map(str, names)], capture_output=True, text=True, check=True).stdout
    libraries = {Path(found) for found in re.findall(r"(/\S+\.so\S*)(?= \()", listed)}
    multiarch = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu"
    also = (
        "libstdc++.so.6",
        "libgcc_s.so.1",
        "libm.so.6",
        "librt.so.1",
        "libdl.so.2",
        "libpthread.so.0",
        "libutil.so.1",
    )
    libraries |= {multiarch / name for name in also}
    for library in libraries:
        place = folder / str(library).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, place)
        place.chmod(0o755)
    (folder / "usr/bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(PYTHON, folder / "usr/bin/python3.11")
    left_out = shutil.ignore_patterns(
        "test", "__pycache__", "idlelib", "ensurepip", "config-*", "tkinter", "dist-packages"
    )
    shutil.copytree(
        LIBRARY, folder / "usr/lib/python3.11", ignore=left_out, symlinks=False, ignore_dangling_symlinks=True
    )
    for name in ("proc", "sys", "dev", "tmp", "run", "etc"):
        (folder / name).mkdir(exist_ok=True)
    return folder
