"""What an archive's own files say of it, and which files say nothing that can be believed."""

from pathlib import Path

import pytest

from modelyard.errors import Invalid
from modelyard.uploads.sidecars import CONFIG, METRICS, read_sidecars

HUGE = b'{"auc": 1%s}' % (b"0" * 400)
MANY = b"{%s}" % b",".join(b'"p%d": 1' % number for number in range(201))


class TestSidecars:
    def test_files_that_are_not_there_say_nothing(self, tmp_path: Path) -> None:
        found = read_sidecars(tmp_path)
        assert (found.parameters, found.metrics, found.left) == ({}, {}, ())

    def test_plain_values_are_parameters_in_json_and_the_others_are_left(self, tmp_path: Path) -> None:
        (tmp_path / CONFIG).write_text('{"C": 0.5, "name": "a", "on": false, "none": null, "deep": {"a": 1}}')
        found = read_sidecars(tmp_path)
        assert found.parameters == {"C": 0.5, "name": "a", "on": False}
        assert found.left == ("none", "deep")

    @pytest.mark.parametrize(
        ("file", "content", "message"),
        [
            (METRICS, b'{"auc": "0.9"}', "metrics.json: auc: expected a number, got a text"),
            (METRICS, b'{"auc": true}', "metrics.json: auc: expected a number, got true or false"),
            (METRICS, b'{"auc": {"test": 0.9}}', "metrics.json: auc: expected a number, got an object"),
            (
                METRICS,
                b'{"auc": 1%s}' % (b"0" * 400),
                "metrics.json: auc: expected a number of 64 bits, got a larger one",
            ),
            (METRICS, b'{"": 1}', "metrics.json: expected names of 1 to 250 characters, got ''"),
            (METRICS, b"[0.9]", "metrics.json: expected an object, got a list"),
            (METRICS, b"\xff\xfe", "metrics.json: expected JSON in UTF-8"),
            (CONFIG, b"[" * 100_000, "config.json: expected JSON in UTF-8"),
            (CONFIG, b'{"a": "%s"}' % (b"x" * 5001), "config.json: a: expected at most 5000 characters, got 5001"),
            (CONFIG, b" " * (1024 * 1024 + 1), "config.json: expected at most 1048576 bytes, got 1048577"),
            (
                CONFIG,
                MANY,
                "config.json: expected at most 200 values, got 201",
            ),
        ],
        ids=lambda value: value[:40] if isinstance(value, str) else "content",
    )
    def test_what_cannot_be_believed_is_named(self, tmp_path: Path, file: str, content: bytes, message: str) -> None:
        (tmp_path / file).write_bytes(content)
        with pytest.raises(Invalid) as refused:
            read_sidecars(tmp_path)
        assert (refused.value.message, refused.value.code) == (message, f"{file.partition('.')[0]}_invalid")
