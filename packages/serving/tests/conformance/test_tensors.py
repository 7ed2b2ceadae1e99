"""Tensors as the suite sees them."""

from typing import Any

import numpy as np
import pytest

from modelyard_serving.conformance.rules import Violation
from modelyard_serving.conformance.samples import Declared, sample
from modelyard_serving.conformance.tensors import DTYPES, Tensor, from_bytes, from_json, objects, same, split_bytes

HEAD: dict[str, Any] = {"name": "y", "datatype": "INT8", "shape": [2]}


class TestFromJson:
    def test_nested_and_flat_data_are_the_same(self) -> None:
        flat = from_json({**HEAD, "shape": [2, 2], "data": [1, 2, 3, 4]})
        nested = from_json({**HEAD, "shape": [2, 2], "data": [[1, 2], [3, 4]]})

        assert same(flat, nested)

    @pytest.mark.parametrize(
        "spoilt",
        [
            {"data": [1]},
            {"data": [1, 300]},
            {"data": [1, "a"]},
            {"data": [1, True]},
            {"data": [1, 1.5]},
            {"data": 7},
            {"data": [1, 2], "shape": [-2]},
            {"data": [1, 2], "shape": "2"},
            {"data": [1, 2], "datatype": "INT"},
            {"data": [1, 2], "name": 7},
            {},
        ],
    )
    def test_what_is_not_well_formed_is_a_violation(self, spoilt: dict[str, Any]) -> None:
        with pytest.raises(Violation):
            from_json({**HEAD, **spoilt})


class TestBytes:
    def test_elements_survive_their_binary_form(self) -> None:
        tensor = Tensor("s", "BYTES", (2,), objects([b"", b"\xff\0"]))

        assert same(from_bytes({"name": "s", "datatype": "BYTES", "shape": [2]}, tensor.to_bytes()), tensor)

    @pytest.mark.parametrize("blob", [b"\1", b"\5\0\0\0ab", b"\xff\xff\xff\xff"])
    def test_an_element_over_the_end_is_a_violation(self, blob: bytes) -> None:
        with pytest.raises(Violation):
            split_bytes(blob)

    def test_a_blob_of_another_size_is_a_violation(self) -> None:
        with pytest.raises(Violation):
            from_bytes({"name": "y", "datatype": "FP32", "shape": [2]}, b"\0" * 12)


class TestSamples:
    @pytest.mark.parametrize("datatype", sorted(DTYPES))
    def test_there_is_one_of_every_datatype_and_it_survives_the_wire(self, datatype: str) -> None:
        (tensor,) = sample([Declared("x", datatype, (-1, 3))])

        assert tensor.shape == (2, 3)
        assert same(from_bytes({"name": "x", "datatype": datatype, "shape": [2, 3]}, tensor.to_bytes()), tensor)

    def test_the_batch_is_the_same_for_all_inputs(self) -> None:
        tensors = sample([Declared("a", "FP32", (-1,)), Declared("b", "INT64", (-1, -1, 5)), Declared("c", "BOOL", ())])

        assert [tensor.shape for tensor in tensors] == [(2,), (2, 2, 5), ()]

    def test_a_row_is_a_batch_of_one(self) -> None:
        (tensor,) = sample([Declared("x", "FP64", (-1, 2))])

        assert tensor.row(1).shape == (1, 2)
        assert np.array_equal(tensor.row(1).data, tensor.data[2:])
        assert tensor.with_rows(3).data.size == 6
