"""Records of process groups, on real processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from modelyard.supervision.generations import Generation, is_alive

Until = Callable[..., None]


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "1000"], process_group=0)
    yield process
    process.kill()
    process.wait()


class TestGeneration:
    def test_it_ends_the_whole_group(self, tmp_path: Path, until: Until) -> None:
        child = tmp_path / "child"
        script = f"sleep 1000 & echo $! > {child}; wait"
        process = subprocess.Popen(["sh", "-c", script], process_group=0)
        until(lambda: child.exists() and child.read_text().strip())
        Generation.of(process.pid).end(timeout_seconds=5)
        assert process.wait(5) != 0
        assert not is_alive(int(child.read_text()))

    def test_it_ends_those_who_are_left_when_the_first_process_is_gone(self, tmp_path: Path, until: Until) -> None:
        child = tmp_path / "child"
        process = subprocess.Popen(["sh", "-c", f"sleep 1000 & echo $! > {child}; wait"], process_group=0)
        until(lambda: child.exists() and child.read_text().strip())
        generation = Generation.of(process.pid)
        process.kill()
        process.wait()
        assert is_alive(int(child.read_text()))
        generation.end(timeout_seconds=5)
        assert not is_alive(int(child.read_text()))

    def test_one_that_ignores_sigterm_is_killed_after_the_patience(self, tmp_path: Path, until: Until) -> None:
        ready = tmp_path / "ready"
        script = (
            "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "open(sys.argv[1], 'w').close(); time.sleep(1000)"
        )
        process = subprocess.Popen([sys.executable, "-c", script, str(ready)], process_group=0)
        until(ready.exists)
        Generation.of(process.pid).end(timeout_seconds=0.1)
        assert process.wait(5) == -9

    def test_a_group_of_another_process_with_the_same_number_is_not_touched(
        self, leader: subprocess.Popen[bytes]
    ) -> None:
        generation = Generation.of(leader.pid)
        earlier = replace(generation, started_at=generation.started_at - 60)
        assert earlier.members() == []
        earlier.end(timeout_seconds=0)
        assert leader.poll() is None

    def test_a_group_of_another_boot_is_not_touched(self, leader: subprocess.Popen[bytes]) -> None:
        assert replace(Generation.of(leader.pid), boot="another").members() == []

    def test_it_comes_back_from_its_file(self, leader: subprocess.Popen[bytes], tmp_path: Path) -> None:
        generation = Generation.of(leader.pid, digest="d")
        generation.write(tmp_path / "record")
        assert Generation.read(tmp_path / "record") == generation
        assert Generation.read(tmp_path / "none") is None

    def test_a_record_that_is_broken_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "record").write_text('{"group": 1}')
        assert Generation.read(tmp_path / "record") is None


class TestIsAlive:
    def test_a_process_that_ended_and_was_not_collected_is_not(self, until: Until) -> None:
        process = subprocess.Popen(["true"])
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert not is_alive(process.pid)
        process.wait()

    def test_this_one_is(self) -> None:
        assert is_alive(os.getpid())
