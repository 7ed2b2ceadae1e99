"""What a control plane leaves that is killed while uv works for it: nothing that the next one does not take away."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from waiting import Until

from modelyard.adapters.environments import UvEnvironments
from modelyard.home import Home
from modelyard.scratch import Scratch

WORK = """
import sys
from pathlib import Path
from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments import UvEnvironments, uv_command
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
home, uv, extras = Home(Path(sys.argv[1])), sys.argv[2], [] if sys.argv[3] == "wheel" else None
uv_command.find_uv_bin = lambda: uv
environments = UvEnvironments(
    home=home, clock=SystemClock(), lock_ttl_seconds=1, environment={}, isolation=NO_ISOLATION
)
environments.lock(["alpha"], server_extras=extras, log=print)
"""


class TestKilledBuilds:
    @pytest.fixture
    def endless_uv(self, tmp_path: Path) -> Path:
        """A program in uv's place that never ends, and says who it is."""
        program = tmp_path / "uv"
        program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/.pid\nmv {tmp_path}/.pid {tmp_path}/pid\nexec sleep 600\n")
        program.chmod(0o700)
        return program

    @pytest.mark.parametrize("what", ["resolution", "wheel"])
    def test_its_folder_is_swept_once_neither_it_nor_its_uv_lives(
        self, home: Home, tmp_path: Path, endless_uv: Path, until: Until, what: str
    ) -> None:
        home.make()
        with subprocess.Popen([sys.executable, "-c", WORK, str(home.root), str(endless_uv), what]) as process:
            until(lambda: (tmp_path / "pid").exists() or process.poll() is not None)
            process.kill()
        uv = int((tmp_path / "pid").read_text())
        try:
            assert [folder.suffix for folder in sorted(home.scratch.iterdir())] == ["", ".lock"]
            with closing(Scratch(home.scratch)) as following:
                assert following.sweep() == 0  # The orphaned uv may still write there.
                os.kill(uv, signal.SIGKILL)
                until(lambda: following.sweep() == 1)
        finally:
            kill_if_there(uv)
        assert [*home.scratch.iterdir(), *home.locks.iterdir(), *home.wheels.iterdir()] == []

    def test_what_ends_by_itself_leaves_its_result_alone(
        self, home: Home, make_uv: Callable[[Mapping[str, str]], UvEnvironments], uv_settings: dict[str, str]
    ) -> None:
        make_uv(uv_settings).lock(["alpha"], log=print)
        assert list(home.scratch.iterdir()) == []
        assert [path.suffix for path in home.locks.iterdir()] == [".json"]


def kill_if_there(pid: int) -> None:
    """Leave no process behind, also where an assertion failed before it was killed."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
