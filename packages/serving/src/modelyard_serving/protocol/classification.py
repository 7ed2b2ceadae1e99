"""The classification extension: an output's largest values as strings `value:index`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import Tensor


def classify(tensor: Tensor, limit: int) -> Tensor:
    """The `limit` largest values of each row of a tensor as BYTES of shape [rows, most], largest first; fewer where a
    row has fewer. A tensor of one dimension is one row for each element's own class.

    Raises:
        InvalidInput: the tensor does not hold numbers.
    """
    if tensor.datatype in (Datatype.BYTES, Datatype.BOOL, Datatype.BF16):
        raise InvalidInput(f"output {tensor.name!r} is {tensor.datatype}: only numbers can be classified")
    rows = tensor.array.reshape(len(tensor.array), -1) if tensor.array.ndim else tensor.array.reshape(1, 1)
    order = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :limit]
    labels = np.empty(order.shape, dtype=object)
    for index in np.ndindex(*order.shape):
        class_index = int(order[index])
        labels[index] = f"{_format_value(rows[index[0], class_index])}:{class_index}"
    return Tensor(tensor.name, Datatype.BYTES, labels)


def _format_value(value: npt.NDArray[Any]) -> str:
    """Six digits after the point, as Triton writes them; whole numbers as they are."""
    return f"{value:f}" if value.dtype.kind == "f" else str(value)
