"""What a worker writes to stderr: passed on whole, and its end kept, to its last word."""

import asyncio
import socket
import sys

import pytest

from modelyard_serving.workers.channel import Channel
from modelyard_serving.workers.process import ProcessWorker


async def _ended(program: str) -> tuple[int, str]:
    """The return code and the kept end of the log of a worker that runs a program."""
    ours, theirs = socket.socketpair()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
    theirs.close()
    worker = ProcessWorker(process, Channel(ours))
    code = await asyncio.wait_for(worker.wait(), 30)
    return code, worker.log_tail


@pytest.mark.anyio
class TestItsLog:
    async def test_its_last_words_are_passed_on_and_kept_also_without_a_line_end(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        code, tail = await _ended("import sys; sys.stderr.write('one\\ntwo\\nI am dying'); sys.exit(3)")
        assert (code, tail) == (3, "one\ntwo\nI am dying")
        assert capfd.readouterr().err == "one\ntwo\nI am dying"

    async def test_the_words_of_one_that_is_killed_are_there(self, capfd: pytest.CaptureFixture[str]) -> None:
        program = "import os, signal; os.write(2, b'the end\\n'); os.kill(os.getpid(), signal.SIGKILL)"
        code, tail = await _ended(program)
        assert (code, tail) == (-9, "the end")
        assert capfd.readouterr().err == "the end\n"

    @pytest.mark.parametrize("end", ["", "\\n"])
    async def test_a_line_longer_than_any_buffer_is_passed_on_whole_and_kept_in_part(
        self, end: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        _, tail = await _ended(f"import sys; sys.stderr.write('first\\n' + 'x' * 300_000 + '{end}')")
        reported = capfd.readouterr().err
        assert reported.count("x") == 300_000
        assert reported.startswith("first\nxxx")
        assert tail.startswith("first\nxxx")
        assert len(tail) < 100_000

    async def test_only_the_end_of_a_long_log_is_kept(self) -> None:
        _, tail = await _ended("import sys; sys.stderr.write(''.join(f'{n}\\n' for n in range(1000)))")
        assert tail.split("\n") == [str(number) for number in range(960, 1000)]
