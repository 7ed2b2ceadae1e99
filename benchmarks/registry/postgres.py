"""A private PostgreSQL on a free port, from the server binaries of this machine."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


def free_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def postgres() -> Iterator[str]:
    """Run it with its default settings; gives the address without a database's name, `…:port/`.

    Raises:
        FileNotFoundError: `pg_config` is not on this machine.
    """
    binaries = Path(
        subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True).stdout.strip()
    )
    folder, port = Path(tempfile.mkdtemp(prefix="modelyard-bench-")), free_port()
    data = str(folder / "data")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    control = [str(binaries / "pg_ctl"), "--pgdata", data, "--wait", "--silent"]
    try:
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        initialise = [str(binaries / "initdb"), "--pgdata", data, "--username=postgres", "--auth=trust", "--no-sync"]
        _run([*initialise, "--encoding=UTF8", "--locale=C"])
        _run([*control, "--log", str(folder / "log"), "--options", options, "start"])
        try:
            for name in ("modelyard", "mlflow"):
                _run([str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", name])
            yield f"127.0.0.1:{port}/"
        finally:
            _run([*control, "--mode", "fast", "stop"])
    finally:
        shutil.rmtree(folder)


def _run(command: list[str]) -> None:
    """Run it as somebody who is not root, whom PostgreSQL refuses."""
    drop = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*drop, *command], check=True, stdout=subprocess.DEVNULL)
