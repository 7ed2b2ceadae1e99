"""Values of the world outside, made storable."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.plain import plain_json, plain_text

any_text = st.text(st.characters(exclude_categories=()))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
)


class TestPlainText:
    @pytest.mark.parametrize("text", ["", "grün", "日本", "🙂", "line\nline\ttab"])
    def test_what_is_plain_stays_as_it_is(self, text: str) -> None:
        assert plain_text(text) == text

    @pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
    def test_what_cannot_be_stored_is_shown_as_replaced(self, text: str) -> None:
        assert plain_text(text) == "a\N{REPLACEMENT CHARACTER}b"

    @given(any_text)
    def test_every_text_comes_out_as_utf_8_without_nul(self, text: str) -> None:
        assert b"\x00" not in plain_text(text).encode()


class TestPlainJson:
    def test_numbers_that_json_does_not_have_become_null(self) -> None:
        value = {"auc": float("nan"), "loss": [float("inf"), -float("inf"), 0.25], "n": 3}
        assert plain_json(value) == {"auc": None, "loss": [None, None, 0.25], "n": 3}

    @given(any_json)
    def test_every_value_comes_out_as_strict_json(self, value: object) -> None:
        plain = plain_json(value)
        assert json.loads(json.dumps(plain, allow_nan=False, ensure_ascii=False).encode()) == plain
