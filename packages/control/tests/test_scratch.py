"""Whose scratch folder it is is reported by a lock, which a killed process cannot keep."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from access_platform import Platform

from modelyard.scratch import Scratch

BUSY = """
import sys, time
from pathlib import Path
from modelyard.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
(scratch.folder / "half a model").write_bytes(b"x" * 1000)
print(scratch.folder, flush=True)
time.sleep(60)
"""


@contextmanager
def busy_process(root: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Another process that works in a folder of its own."""
    with subprocess.Popen([sys.executable, "-c", BUSY, str(root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


class TestScratch:
    def test_the_folder_of_a_process_stays_until_it_is_killed(self, tmp_path: Path) -> None:
        with closing(Scratch(tmp_path)) as ours, busy_process(tmp_path) as (process, theirs):
            assert ours.sweep() == 0
            assert (theirs / "half a model").exists()
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert ours.sweep() == 1
            assert sorted(path.name for path in tmp_path.iterdir()) == [ours.folder.name, f"{ours.folder.name}.lock"]

    def test_two_of_one_process_do_not_take_each_other_away(self, tmp_path: Path) -> None:
        with closing(Scratch(tmp_path)) as one, closing(Scratch(tmp_path)) as other:
            assert (one.sweep(), other.sweep()) == (0, 0)
            assert one.folder.is_dir()
            assert other.folder.is_dir()

    def test_what_lies_there_without_a_lock_is_nobodys(self, tmp_path: Path) -> None:
        (tmp_path / "tmpabc" / "model").mkdir(parents=True)
        (tmp_path / "0123.lock").touch()
        with closing(Scratch(tmp_path)) as ours:
            assert ours.sweep() == 1
        assert list(tmp_path.iterdir()) == []


class TestControlPlane:
    def test_what_a_killed_one_left_is_gone_when_the_next_has_started(self, tmp_path: Path) -> None:
        scratch = tmp_path / "home" / "scratch"
        scratch.mkdir(parents=True)
        with busy_process(scratch) as (process, theirs):
            process.kill()
            process.wait()
            assert theirs.exists()
            with Platform(tmp_path / "home"):
                assert not theirs.exists()
                assert scratch.is_dir()
