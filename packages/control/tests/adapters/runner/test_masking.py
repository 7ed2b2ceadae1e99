"""Secrets in a stream: found in every form that is promised, wherever it is cut."""

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.adapters.runner.masking import Mask

KEY = "AKIA/IOSF+ODNN7 EXAMPLE"
LINES = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n}\n"


def masked(secret: str, *pieces: bytes) -> bytes:
    mask = Mask([secret])
    return b"".join(map(mask.feed, pieces)) + mask.flush()


class TestForms:
    @pytest.mark.parametrize("form", [KEY, json.dumps(KEY), repr(KEY), quote(KEY, safe="")])
    def test_it_is_hidden_as_it_is_commonly_written(self, form: str) -> None:
        assert KEY[:4].encode() not in masked(KEY, f"key={form};\n".encode())

    @pytest.mark.parametrize("before", [b"", b"u", b"us", b"user:"])
    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    def test_it_is_hidden_in_base64_at_any_place(self, before: bytes, encode: object) -> None:
        text = base64.b64encode(before + KEY.encode() + b":after")

        shown = masked(KEY, text)

        assert b"***" in shown
        assert len(shown) < len(text) - 20

    def test_each_long_line_of_it_is_hidden(self) -> None:
        assert masked(LINES, b"got MIIEvQIBADANBg and }") == b"got *** and }"

    def test_what_is_none_passes_at_once(self) -> None:
        mask = Mask([KEY])

        assert mask.feed(b"epoch 1\n") == b"epoch 1\n"

    def test_nothing_is_held_without_secrets(self) -> None:
        assert Mask([]).feed(KEY.encode()) == KEY.encode()


class TestPieces:
    @given(cuts=st.lists(st.integers(0, 120), max_size=6))
    def test_however_it_is_cut_it_is_hidden(self, cuts: list[int]) -> None:
        text = f"first {KEY} then {KEY}{KEY} and {LINES} end".encode()
        places = sorted({0, *(min(cut, len(text)) for cut in cuts), len(text)})
        mask = Mask([KEY, LINES, KEY[:8]])
        pieces = [text[start:end] for start, end in pairwise(places)]

        assert b"".join(map(mask.feed, pieces)) + mask.flush() == b"first *** then ****** and *** end"

    def test_a_secret_of_one_character_again_and_again_takes_no_endless_memory(self) -> None:
        mask = Mask(["aaaaaaaa"])
        for _ in range(64):
            mask.feed(b"a" * 65536)

        assert len(mask._held) < 2 * 1024 * 1024
