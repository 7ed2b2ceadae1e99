"""Models that tests serve from real processes, as a user writes them."""

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import InputKind, Signature, TensorSpec
from modelyard_serving.user_model import UserModel


def _signature(**datatypes: Datatype) -> Signature:
    specs = tuple(TensorSpec(name, datatype, (-1, -1)) for name, datatype in datatypes.items())
    outputs = tuple(TensorSpec(f"{spec.name}_out", spec.datatype, spec.shape) for spec in specs)
    return Signature(inputs=specs, outputs=outputs)


class Doubler(UserModel):
    """Twice its input of shape [n, 2]."""

    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP64, (-1, 2)),), outputs=(TensorSpec("y", Datatype.FP64, (-1, 2)),)
    )
    example = {"inputs": [[1.0, 2.0]]}  # noqa: RUF012  # As a user writes it.

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return {"y": inputs["x"] * 2}


class Sleeper(UserModel):
    """Sleeps for as many seconds as its input says, and gives it back; a negative one does what it must not."""

    signature = Signature(
        inputs=(TensorSpec("seconds", Datatype.FP64, (-1,)),), outputs=(TensorSpec("slept", Datatype.FP64, (-1,)),)
    )
    is_thread_safe = True

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        seconds = float(inputs["seconds"][0])
        if seconds == -1:
            os.kill(os.getpid(), signal.SIGKILL)
        if seconds == -2:
            raise RuntimeError("a secret of the model")
        if seconds == -3:
            self.eaten = np.ones(40_000_000)
        if seconds > 0:
            time.sleep(seconds)
        return {"slept": inputs["seconds"]}


class Hanging(UserModel):
    """Short, until its input is negative: then it never comes back, and holds the event loop that called it."""

    signature = Doubler.signature
    example = Doubler.example

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        while inputs["x"][0, 0] < 0:
            pass
        return {"y": inputs["x"] * 2}


class Busy(UserModel):
    """Computes in pure Python, holding the interpreter's lock, for as many seconds as its input says."""

    signature = Sleeper.signature
    is_thread_safe = True

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        until = time.monotonic() + float(inputs["seconds"][0])
        while time.monotonic() < until:
            pass
        return {"slept": inputs["seconds"]}


class Identity(UserModel):
    """Gives back a tensor of each datatype."""

    signature = _signature(
        **{str(datatype).lower(): datatype for datatype in Datatype if datatype is not Datatype.BF16}
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return {f"{name}_out": array for name, array in inputs.items()}


class Unloadable(UserModel):
    """Fails when it is loaded."""

    signature = Doubler.signature

    def load(self) -> None:
        raise ValueError("the weights are not there")

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return inputs


class Echo(UserModel):
    """Gives back two tensors of numbers and one of text."""

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

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return {f"{name}_out": array for name, array in inputs.items()}


class Scale(UserModel):
    """Twice its input, which is its only one."""

    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP32, (-1, 4)),), outputs=(TensorSpec("y", Datatype.FP32, (-1, 4)),)
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return {"y": inputs["x"] * 2}


class Half(UserModel):
    """Twice its input of half precision, which JSON cannot carry."""

    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP16, (-1, 2)),), outputs=(TensorSpec("y", Datatype.FP16, (-1, 2)),)
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return {"y": inputs["x"] * 2}


class Labeller(UserModel):
    """A classifier's form: a label for each row, and the probabilities only for who names them."""

    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP64, (-1, 3)),),
        outputs=(
            TensorSpec("label", Datatype.INT64, (-1,)),
            TensorSpec("probabilities", Datatype.FP64, (-1, 2), optional=True),
        ),
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        sure = (inputs["x"][:, 0] > 0).astype(np.float64)
        return {"label": sure.astype(np.int64), "probabilities": np.column_stack([1 - sure, sure])}


class Total(UserModel):
    """The sum of two columns of a frame."""

    signature = Signature(
        inputs=(TensorSpec("a", Datatype.FP64, (-1,)), TensorSpec("b", Datatype.FP64, (-1,))),
        outputs=(TensorSpec("total", Datatype.FP64, (-1,)),),
        kind=InputKind.FRAME,
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return {"total": inputs["a"] + inputs["b"]}


class Customers(UserModel):
    """A frame with a column of each kind, given back as outputs of the same kinds."""

    signature = Signature(
        inputs=(
            TensorSpec("amount", Datatype.FP64, (-1,)),
            TensorSpec("share", Datatype.FP32, (-1,)),
            TensorSpec("count", Datatype.INT64, (-1,), optional=True),
            TensorSpec("is_new", Datatype.BOOL, (-1,)),
            TensorSpec("town", Datatype.BYTES, (-1,), logical_type="string"),
        ),
        outputs=(
            TensorSpec("amount", Datatype.FP64, (-1,)),
            TensorSpec("share", Datatype.FP32, (-1,)),
            TensorSpec("has_count", Datatype.BOOL, (-1,)),
            TensorSpec("is_new", Datatype.BOOL, (-1,)),
            TensorSpec("town", Datatype.BYTES, (-1,)),
        ),
        kind=InputKind.FRAME,
    )

    def predict(self, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        given = {name: inputs[name] for name in ("amount", "share", "is_new", "town")}
        count = inputs.get("count", np.full(len(given["amount"]), None, dtype=object))
        return given | {"has_count": np.array([value is not None and not np.isnan(value) for value in count])}
