"""Cursors of pages."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.errors import Invalid
from modelyard.paging import decode_cursor, decode_time_cursor, encode_cursor, encode_time_cursor


def forged(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


class TestCursor:
    @given(st.lists(st.text(st.characters(categories=["L", "N", "P"]))))
    def test_what_is_encoded_is_decoded(self, key: list[str]) -> None:
        assert decode_cursor(encode_cursor(*key), parts=len(key)) == key

    @pytest.mark.parametrize(
        "cursor",
        [
            *("", "x", "ö", "=", "AAAA", forged(1), forged({}), forged([]), forged(["a", "b"]), forged([1])),
            *(forged([None]), forged([["a"]]), forged(["a\x00"]), forged(["\ud800"])),
            base64.urlsafe_b64encode(b"[" * 10_000).decode(),
        ],
    )
    def test_anything_else_is_refused(self, cursor: str) -> None:
        with pytest.raises(Invalid) as caught:
            decode_cursor(cursor, parts=1)
        assert (caught.value.code, caught.value.field) == ("cursor_invalid", "cursor")

    @given(st.text(max_size=400))
    def test_no_text_breaks_it(self, cursor: str) -> None:
        try:
            (part,) = decode_cursor(cursor, parts=1)
        except Invalid:
            return
        assert part.isprintable()


class TestTimeCursor:
    @given(st.datetimes(timezones=st.just(UTC)))
    def test_what_is_encoded_is_decoded(self, at: datetime) -> None:
        assert decode_time_cursor(encode_time_cursor(at, "job-1")) == (at, "job-1")

    @pytest.mark.parametrize("at", ["", "now", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "2026-13-01T00:00Z"])
    def test_a_time_that_is_none_is_refused(self, at: str) -> None:
        with pytest.raises(Invalid):
            decode_time_cursor(forged([at, "job-1"]))
