"""A supervisor that is gone after each test, and a look at all processes of a home."""

import os
from collections.abc import Callable, Iterator

import psutil
import pytest

from modelyard.home import Home
from modelyard.supervision.environment import Scope
from modelyard.supervision.generations import is_alive
from modelyard.supervision.programs import Program
from modelyard.supervision.supervisor import Supervisor


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    supervisor = Supervisor(home)
    yield supervisor
    supervisor.shut_down(timeout_seconds=5)


@pytest.fixture
def program(home: Home) -> Callable[..., Program]:
    """Makes a program of shell commands; `$$` in them is its process."""

    def make(name: str, script: str = "exec sleep 1000", *, stop_seconds: int = 5) -> Program:
        return Program(
            name=name,
            command=("/bin/sh", "-c", script),
            folder=home.root,
            log=home.logs / f"{name}.log",
            scope=Scope.SERVICE,
            environment={"PLACE": str(home.root)},  # By which `processes` finds it.
            stop_seconds=stop_seconds,
        )

    return make


@pytest.fixture
def processes(home: Home) -> Callable[[], list[str]]:
    """The command lines of all processes that name the home in their command or environment, but for the test's own."""
    place = os.fspath(home.root)

    def found() -> list[str]:
        lines = []
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
                named = any(place in word for word in (*command, *process.environ().values()))
            except psutil.Error:
                continue
            if named and process.pid != os.getpid() and is_alive(process.pid):
                lines.append(" ".join(command))
        return lines

    return found
