"""Models to be fuzzed: one of tensors, one of a frame with a column of each kind. Neither fails on what fits it."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.user_model import Datatype, InputKind, Signature, TensorSpec, UserModel


class Tensor(UserModel):
    """Gives back tensors of numbers, of small whole numbers and of text."""

    signature = Signature(
        inputs=(
            TensorSpec("x", Datatype.FP32, (-1, 3)),
            TensorSpec("n", Datatype.INT8, (-1, 2)),
            TensorSpec("s", Datatype.BYTES, (-1, 1)),
        ),
        outputs=(
            TensorSpec("x_out", Datatype.FP32, (-1, 3)),
            TensorSpec("n_out", Datatype.INT8, (-1, 2)),
            TensorSpec("s_out", Datatype.BYTES, (-1, 1)),
        ),
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:  # noqa: ARG002
        return {f"{name}_out": array for name, array in inputs.items()}


class Frame(UserModel):
    """Counts the rows of a frame."""

    signature = Signature(
        inputs=(
            TensorSpec("age", Datatype.FP64, (-1,)),
            TensorSpec("visits", Datatype.INT32, (-1,), optional=True),
            TensorSpec("member", Datatype.BOOL, (-1,)),
            TensorSpec("town", Datatype.BYTES, (-1,), logical_type="string"),
            TensorSpec("since", Datatype.BYTES, (-1,), logical_type="datetime"),
            TensorSpec("raw", Datatype.BYTES, (-1,), optional=True, logical_type="binary"),
        ),
        outputs=(TensorSpec("predictions", Datatype.INT64, (-1,)),),
        kind=InputKind.FRAME,
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:  # noqa: ARG002
        return {"predictions": np.arange(len(inputs["age"]), dtype=np.int64)}


class Stamp(UserModel):
    """Twice its input and one more, so that no answer passes for another's. It stands for a model of a millisecond."""

    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP64, (-1,)),), outputs=(TensorSpec("y", Datatype.FP64, (-1,)),)
    )
    example = {"inputs": {"x": [1.0]}}  # noqa: RUF012  # As a user writes it.
    is_thread_safe = True

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:  # noqa: ARG002
        time.sleep(0.001)
        return {"y": inputs["x"] * 2 + 1}


class Asleep(UserModel):
    """Takes as many seconds as its input says, without the interpreter's lock, as NumPy and ONNX Runtime do."""

    signature = Stamp.signature
    is_thread_safe = True

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:  # noqa: ARG002
        time.sleep(float(inputs["x"][0]))
        return {"y": inputs["x"]}


class Busy(UserModel):
    """Takes as many seconds as its input says in pure Python, which holds the interpreter's lock."""

    signature = Stamp.signature
    is_thread_safe = True

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:  # noqa: ARG002
        until = time.monotonic() + float(inputs["x"][0])
        while time.monotonic() < until:
            pass
        return {"y": inputs["x"]}
