"""Which version answered which request, from an access log that grows and is moved aside."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from modelyard.gateway_node.answer_log import AnsweredRequest, AnswerLog

Follow = Callable[[Path], AnswerLog]


@pytest.fixture
def follow() -> Iterator[Callable[[Path], AnswerLog]]:
    """Begins to follow a log."""
    with ExitStack() as stack:
        yield lambda path: stack.enter_context(closing(AnswerLog(path)))


def _write(path: Path, *request_ids: str, **fields: Any) -> None:
    entry = {"status": 200, "tenant": "default", "model": "churn", "version": "2", **fields}
    with path.open("a") as log:
        for request_id in request_ids:
            log.write(json.dumps({**entry, "request_id": request_id}) + "\n")


class TestAnswerLog:
    """Of one node."""

    def test_it_gives_what_is_written_after_it_began(self, tmp_path: Path, follow: Follow) -> None:
        path = tmp_path / "access.log"
        _write(path, "before")
        log = follow(path)
        _write(path, "a", "b")
        assert log.new_answers() == tuple(AnsweredRequest("default", "churn", 2, each) for each in ("a", "b"))
        assert log.new_answers() == ()

    def test_what_failed_or_came_from_no_model_is_left_out(self, tmp_path: Path, follow: Follow) -> None:
        path = tmp_path / "access.log"
        log = follow(path)
        _write(path, "failed", status=503)
        _write(path, "failed-grpc", grpc_status=13)
        _write(path, "nobody", version=None)
        with path.open("a") as written:
            written.write("no JSON\n")
        _write(path, "good")
        assert [each.request_id for each in log.new_answers()] == ["good"]

    def test_half_a_line_waits_for_its_end_and_a_moved_file_loses_nothing(self, tmp_path: Path, follow: Follow) -> None:
        path = tmp_path / "access.log"
        _write(path, "before")
        log = follow(path)
        _write(path, "whole")
        content = path.read_bytes()
        path.write_bytes(content[:-9])
        assert log.new_answers() == ()
        path.write_bytes(content)
        _write(path, "last")
        path.rename(tmp_path / "access.log.1")
        _write(path, "first")
        assert [each.request_id for each in log.new_answers()] == ["whole", "last", "first"]
