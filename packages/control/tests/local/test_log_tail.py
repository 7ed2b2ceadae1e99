"""Reading logs that others write and rotate."""

from pathlib import Path

from modelyard.supervision.log_tail import Following, last_lines, last_reason


class TestLastLines:
    def test_empty_lines_do_not_count(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text("one\ntwo\n\nthree\n\n")
        assert last_lines(log, 2) == ["two", "three"]

    def test_there_are_none_without_a_log(self, tmp_path: Path) -> None:
        assert last_lines(tmp_path / "log", 2) == []


class TestLastReason:
    def test_it_is_the_line_of_the_last_exception(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text(
            "ValueError: old\nTraceback (most recent call last):\n  File 'x'\n"
            "sqlalchemy.exc.DatabaseError: no database\n[SQL: SELECT 1]\nERROR: startup failed\n"
        )
        assert last_reason(log) == "sqlalchemy.exc.DatabaseError: no database"

    def test_it_is_the_last_line_without_an_exception(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text("starting\naddress already in use\n")
        assert last_reason(log) == "address already in use"
        assert last_reason(tmp_path / "none") == ""


class TestFollowing:
    def test_it_gives_what_is_appended_from_now_on(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text("before\n")
        following = Following(log)
        assert following.read() == b""
        with log.open("a") as file:
            file.write("after\n")
        assert following.read() == b"after\n"
        assert following.read() == b""

    def test_it_goes_on_in_the_next_file_after_a_rotation(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text("before, and a long line\n")
        following = Following(log)
        log.rename(tmp_path / "log.1")
        assert following.read() == b""
        log.write_text("new\n")
        assert following.read() == b"new\n"
