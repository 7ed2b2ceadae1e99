"""The log of a job, which is kept in segments and read as one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.jobs.log import AFTER_RUN, BEFORE_RUN, JobLog
from modelyard.log_file import LogFile

SEGMENTS = (BEFORE_RUN, "run-1/log", AFTER_RUN)


@pytest.fixture
def log(tmp_path: Path) -> JobLog:
    return JobLog(tmp_path / "job", [LogFile(tmp_path / "job" / "run-1" / "log")])


def write_run(folder: Path, content: bytes) -> None:
    (folder / "job" / "run-1").mkdir(parents=True, exist_ok=True)
    (folder / "job" / "run-1" / "log").write_bytes(content)


def read_all(log: JobLog, offset: int = 0) -> bytes:
    content = b""
    while chunk := log.read(offset + len(content)).content:
        content += chunk
    return content


class TestJobLog:
    def test_of_a_job_that_never_said_a_word_is_empty(self, log: JobLog) -> None:
        assert log.read(0).content == b""

    def test_the_segments_follow_one_another(self, log: JobLog, tmp_path: Path) -> None:
        log.write(BEFORE_RUN, "resolving")
        write_run(tmp_path, b"epoch 1\nepoch 2\n")
        log.write(AFTER_RUN, "done")
        assert read_all(log) == b"resolving\nepoch 1\nepoch 2\ndone\n"

    def test_a_reader_that_was_cut_off_goes_on_where_it_was(self, log: JobLog, tmp_path: Path) -> None:
        log.write(BEFORE_RUN, "resolving")
        write_run(tmp_path, b"epoch 1\n")
        whole = read_all(log)
        assert [read_all(log, offset) for offset in range(len(whole) + 1)] == [
            whole[offset:] for offset in range(len(whole) + 1)
        ]

    def test_what_is_written_after_a_read_is_read_from_the_same_offset(self, log: JobLog) -> None:
        log.write(BEFORE_RUN, "one")
        offset = len(log.read(0).content)
        assert log.read(offset).content == b""
        log.write(BEFORE_RUN, "two")
        assert log.read(offset).content == b"two\n"

    def test_a_large_log_comes_in_pieces(self, log: JobLog, tmp_path: Path) -> None:
        content = b"x" * 600_000
        write_run(tmp_path, content)
        assert len(log.read(0).content) == 256 * 1024
        assert read_all(log) == content

    def test_far_behind_its_end_there_is_nothing(self, log: JobLog) -> None:
        log.write(BEFORE_RUN, "one")
        assert log.read(10**30).content == b""

    @pytest.mark.parametrize(("said", "stands"), [("a\n", b"a\n"), ("a\nb", b"a\nb\n"), ("\ud800", b"\\ud800\n")])
    def test_every_line_ends_once_and_is_utf_8(self, log: JobLog, said: str, stands: bytes) -> None:
        log.write(BEFORE_RUN, said)
        assert log.read(0).content == stands

    @given(pieces=st.lists(st.sampled_from([1, 2, 5, 1000]), min_size=1))
    def test_any_way_of_reading_gives_the_same(
        self, tmp_path_factory: pytest.TempPathFactory, pieces: list[int]
    ) -> None:
        folder = tmp_path_factory.mktemp("log")
        log = JobLog(folder / "job", [LogFile(folder / "job" / "run-1" / "log")])
        expected = b""
        for number, segment in enumerate(SEGMENTS):
            content = bytes([65 + number]) * pieces[number % len(pieces)]
            (folder / "job" / segment).parent.mkdir(parents=True, exist_ok=True)
            (folder / "job" / segment).write_bytes(content)
            expected += content
        assert read_all(log) == expected


class TestARotatedFile:
    def test_an_offset_of_the_file_before_reads_the_new_one_from_its_beginning(self, tmp_path: Path) -> None:
        log = LogFile(tmp_path / "log")
        log.path.write_bytes(b"before the rotation")
        offset = log.read(0).next_offset
        log.path.write_bytes(b"after")

        part = log.read(offset)

        assert (part.content, part.next_offset) == (b"after", 5)
        assert log.read(part.next_offset).content == b""
