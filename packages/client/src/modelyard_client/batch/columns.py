"""Columns of Arrow as the tensors that a model declares, as they lie in memory: nothing is copied or converted."""

from collections.abc import Sequence

import pyarrow as pa

from modelyard_client.prediction.frames.wire import InputTensor
from modelyard_client.prediction.schema import Schema

_SAME = {
    "UINT8": pa.uint8(),
    "UINT16": pa.uint16(),
    "UINT32": pa.uint32(),
    "UINT64": pa.uint64(),
    "INT8": pa.int8(),
    "INT16": pa.int16(),
    "INT32": pa.int32(),
    "INT64": pa.int64(),
    "FP16": pa.float16(),
    "FP32": pa.float32(),
    "FP64": pa.float64(),
}
"""Types whose elements Arrow and the protocol hold alike."""


def tensors_of_columns(batch: pa.RecordBatch, schema: Schema) -> Sequence[InputTensor] | None:
    """The inputs for n rows, each of shape [n]; None where a column has another type or a missing value, or the model
    takes one array: then `modelyard_client.prediction.frames.columns` says what becomes of it."""
    if schema.is_array or not batch.num_rows:
        return None
    datatypes = {tensor.name: tensor.datatype for tensor in schema.inputs}
    tensors = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        datatype = datatypes.get(name, "")
        if column.null_count or column.type != _SAME.get(datatype):
            return None
        tensors.append(InputTensor(name, datatype, (len(column),), column.to_numpy(zero_copy_only=True)))
    return tensors
