"""The control plane's own log."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from modelyard.logs import configure_logs


@pytest.fixture
def file() -> Iterator[io.StringIO]:
    before = structlog.get_config()
    file = io.StringIO()
    configure_logs(file)
    yield file
    structlog.configure(**before)


class TestLogs:
    def test_an_event_is_a_line_of_json_with_its_time_and_request(self, file: io.StringIO) -> None:
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            structlog.get_logger().warning("a job waits", reason="two\nlines")
        event = json.loads(file.getvalue())
        assert event.pop("timestamp").endswith("Z")
        assert event == {"event": "a job waits", "level": "warning", "reason": "two\nlines", "request_id": "r-1"}
        assert file.getvalue().count("\n") == 1

    def test_a_traceback_shows_the_code_and_no_values(self, file: io.StringIO) -> None:
        def broken(token: str) -> None:
            assert token
            raise LookupError("it broke")

        try:
            broken("my_" + "secret")
        except LookupError:
            structlog.get_logger().exception("a request broke")
        reported = json.loads(file.getvalue())["exception"]
        assert "LookupError: it broke" in reported
        assert "in broken" in reported
        assert "my_secret" not in reported
