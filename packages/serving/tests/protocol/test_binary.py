"""Binary tensors: what is encoded comes back bit by bit, and sizes that disagree are refused."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.binary import decode_tensor, encode_tensor
from modelyard_serving.protocol.datatypes import Datatype

FIXED = [datatype for datatype in Datatype if datatype is not Datatype.BYTES]


def packed(*parts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


class TestFixedSize:
    @given(st.sampled_from(FIXED), st.data())
    def test_a_tensor_comes_back_bit_by_bit(self, datatype: Datatype, data: st.DataObject) -> None:
        shapes = hnp.array_shapes(min_dims=0, min_side=0, max_dims=3)
        array: npt.NDArray[Any] = data.draw(hnp.arrays(datatype.numpy_dtype, shapes))
        content = encode_tensor(array, datatype)
        assert len(content) == array.size * (datatype.size or 0)
        decoded = decode_tensor(content, datatype=datatype, shape=array.shape, name="x")
        assert decoded.shape == array.shape
        assert decoded.tobytes() == array.tobytes()

    @pytest.mark.parametrize("size", [0, 23, 25, 240])
    def test_another_size_is_reported_with_both_numbers(self, size: int) -> None:
        with pytest.raises(InvalidInput, match=rf"shape \[1, 3\] of FP64 needs 24 bytes, but {size} came"):
            decode_tensor(b"\0" * size, datatype=Datatype.FP64, shape=(1, 3), name="x")

    def test_a_huge_shape_takes_no_memory(self) -> None:
        with pytest.raises(InvalidInput, match="but 8 came"):
            decode_tensor(b"\0" * 8, datatype=Datatype.FP64, shape=(2**40, 2**20), name="x")

    def test_a_bool_is_0_or_1(self) -> None:
        with pytest.raises(InvalidInput, match="must be 0 or 1"):
            decode_tensor(b"\0\1\2", datatype=Datatype.BOOL, shape=(3,), name="x")


class TestBytes:
    @given(st.lists(st.one_of(st.binary(), st.text(st.characters(codec="utf-8")))))
    def test_elements_come_back_as_text_where_they_are_text(self, values: list[str | bytes]) -> None:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        decoded = decode_tensor(
            encode_tensor(array, Datatype.BYTES), datatype=Datatype.BYTES, shape=array.shape, name="x"
        )
        as_bytes = [value.encode() if isinstance(value, str) else value for value in values]
        assert [value.encode() if isinstance(value, str) else value for value in decoded] == as_bytes
        assert all(
            isinstance(value, str) for value, given in zip(decoded, values, strict=True) if isinstance(given, str)
        )

    @pytest.mark.parametrize(
        ("content", "count", "reported"),
        [
            (packed(b"a"), 2, "needs 2 elements, but 5 bytes came"),
            (packed(b"a", b"b"), 1, "5 bytes are left after its 1 elements"),
            (b"\xff\xff\xff\xffabc", 1, "element 0 runs over the end"),
            (packed(b"abcdefg") + b"\0\0", 2, "element 1 of 2 is missing"),
            (b"", 2**50, "but 0 bytes came"),
        ],
    )
    def test_lengths_that_disagree_are_refused(self, content: bytes, count: int, reported: str) -> None:
        with pytest.raises(InvalidInput, match=reported):
            decode_tensor(content, datatype=Datatype.BYTES, shape=(count,), name="x")

    def test_a_missing_string_is_an_empty_one(self) -> None:
        assert encode_tensor(np.array(["a", None], dtype=object), Datatype.BYTES) == packed(b"a", b"")

    @given(st.binary(max_size=64), st.integers(0, 8))
    def test_no_content_breaks_it(self, content: bytes, count: int) -> None:
        try:
            array = decode_tensor(content, datatype=Datatype.BYTES, shape=(count,), name="x")
        except InvalidInput:
            return
        assert encode_tensor(array, Datatype.BYTES) == content
