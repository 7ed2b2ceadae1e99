"""A script that tries what an honest one never does, and says what came of each try as one JSON object.

`python hostile.py HOME ENVIRONMENT OTHER_JOB PROCESS PORT SOCKET`. It needs the standard library only.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path


def ended(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as exc:
        return type(exc).__name__
    return "done"


def read(path: Path) -> Callable[[], object]:
    return path.read_bytes


def write(path: Path) -> Callable[[], object]:
    return lambda: path.open("ab").close()


def linked(target: Path) -> Path:
    link = Path("link")
    link.symlink_to(target)
    return link


def bind(port: int) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


def connect(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)


def main(home: Path, environment: Path, other_job: Path, process: int, port: int, abstract: str) -> None:
    outside = home.parent / "notes.txt"
    proc = Path("/proc") / str(process)
    attempts: dict[str, Callable[[], object]] = {
        "read the token": read(home / "token"),
        "read the token through a link of its own": lambda: linked(home / "token").read_bytes(),
        "hard-link the token into its folder": lambda: Path("hard").hardlink_to(home / "token"),
        "write the database": write(home / "modelyard.db"),
        "replace the database": lambda: Path("own").rename(home / "modelyard.db"),
        "read another job's folder": read(other_job / "data.csv"),
        "write another job's folder": write(other_job / "data.csv"),
        "list the home": lambda: list(home.iterdir()),
        "write a bundle": write(home / "bundles" / "model.bin"),
        "write its environment": write(environment / "lib" / "sitecustomize.py"),
        "add to its environment": write(environment / "lib" / "new.py"),
        "read the user's own files": read(outside),
        "write the user's own files": write(outside),
        "open the user's files to others": lambda: outside.chmod(0o666),
        "read another process's variables": read(proc / "environ"),
        "read another process's memory": read(proc / "mem"),
        "end another process": lambda: os.kill(process, signal.SIGKILL),
        "listen on a port of ours": lambda: bind(port),
        "reach an abstract socket": lambda: connect("\0" + abstract),
        "write a folder that all may write": write(Path("/tmp/modelyard-hostile")),
        "read password hashes": read(Path("/etc/shadow")),
        "become root": lambda: os.setuid(0) if os.geteuid() else os.setgroups([4]),
    }
    wanted: dict[str, Callable[[], object]] = {
        "write its own folder": lambda: Path("result.txt").write_text("42"),
        "move files in its own folder": lambda: Path("result.txt").rename("moved.txt"),
        "write its temporary folder": lambda: (Path(os.environ["TMPDIR"]) / "part").write_text("1"),
        "read its environment": read(environment / "lib" / "sitecustomize.py"),
        "read random bytes": lambda: os.urandom(4),
        "drop output": write(Path("/dev/null")),
        "listen on a free port": lambda: bind(0),
        "look up names": lambda: socket.getaddrinfo("localhost", 80),
        "end a child of its own": child_that_is_ended,
        "read about itself": read(Path("/proc/self/status")),
    }
    Path("own").write_text("mine")
    tried = {name: ended(attempt) for name, attempt in attempts.items()}
    report = {"refused": tried, "granted": {name: ended(attempt) for name, attempt in wanted.items()}}
    print(json.dumps(report))  # noqa: T201  # A script's report.


def child_that_is_ended() -> None:
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


if __name__ == "__main__":
    folders = [Path(each) for each in sys.argv[1:4]]
    main(folders[0], folders[1], folders[2], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
