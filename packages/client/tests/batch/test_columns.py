"""Columns of Arrow that go as they lie in memory, and those that do not."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard_client.batch.columns import tensors_of_columns
from modelyard_client.prediction.schema import Schema, Tensor


def schema(**datatypes: str) -> Schema:
    tensors = tuple(Tensor(name, datatype, (-1,)) for name, datatype in datatypes.items())
    return Schema("churn", "1", inputs=tensors, outputs=(), optional_outputs=())


def batch(**columns: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns.values()], names=list(columns))


def test_columns_of_the_declared_type_go_uncopied_with_the_rows_of_a_slice() -> None:
    amounts = np.arange(9.0)

    found = tensors_of_columns(batch(amount=amounts).slice(3, 4), schema(amount="FP64"))

    assert found is not None
    ((name, shape, elements),) = ((one.name, one.shape, one.elements) for one in found)
    assert (name, shape) == ("amount", (4,))
    assert isinstance(elements, np.ndarray)
    assert elements.tolist() == [3, 4, 5, 6]
    assert np.shares_memory(elements, amounts)


@pytest.mark.parametrize(
    ("column", "datatype"),
    [([1.0, None], "FP64"), ([1, 2], "FP64"), ([True, False], "BOOL"), (["a", "b"], "BYTES")],
    ids=["missing", "another type", "bits", "texts"],
)
def test_others_are_left_to_the_rules_for_frames(column: list[Any], datatype: str) -> None:
    assert tensors_of_columns(batch(one=[1.0, 2.0], two=column), schema(one="FP64", two=datatype)) is None


def test_a_model_of_one_array_and_a_column_that_is_not_declared_are_left_to_them_too() -> None:
    array = Schema("churn", "1", inputs=(Tensor("x", "FP64", (-1, 1)),), outputs=(), optional_outputs=())

    assert tensors_of_columns(batch(x=[1.0]), array) is None
    assert tensors_of_columns(batch(other=[1.0]), schema(amount="FP64")) is None
