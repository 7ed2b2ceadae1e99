"""Bridges of tests. A dockerd without one of its own takes `docker0` away from the engine of this machine: with
`--bridge=none` it deletes it."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

_PREFIX = "my-"
_NUMBERS = itertools.count()
_IP = shutil.which("ip", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@contextmanager
def own_bridge() -> Iterator[str]:
    """The name of a bridge with a subnet; the test is skipped by its name where none can be made."""
    if _IP is None:
        pytest.skip("ip is not installed (Debian's iproute2 has it)")
    _delete_bridges_of_killed_tests(_IP)
    bridge, subnet = f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}", _free_subnet()
    try:
        for command in (
            ("link", "add", "name", bridge, "type", "bridge"),
            ("address", "add", f"{subnet}.1/24", "dev", bridge),
            ("link", "set", bridge, "up"),
        ):
            made = subprocess.run([_IP, *command], capture_output=True, text=True, check=False)
            if made.returncode != 0:
                pytest.skip(f"no bridge can be made here: {made.stderr.strip()}")
        yield bridge
    finally:
        subprocess.run([_IP, "link", "delete", bridge], capture_output=True, check=False)


def _free_subnet() -> str:
    taken = {one.address.rpartition(".")[0] for found in psutil.net_if_addrs().values() for one in found}
    every = [f"10.213.{number}" for number in range(256)]
    start = os.getpid() % 256
    return next(subnet for subnet in every[start:] + every[:start] if subnet not in taken)


def _delete_bridges_of_killed_tests(ip: str) -> None:
    for name in psutil.net_if_addrs():
        pid = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and pid.isdecimal() and not psutil.pid_exists(int(pid)):
            subprocess.run([ip, "link", "delete", name], check=False)
