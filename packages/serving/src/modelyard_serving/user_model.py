"""A model of your own in Python: subclass `UserModel`, and serve it with `modelyard-serve package.module:ClassName`.

import numpy as np
from modelyard_serving.user_model import Datatype, Signature, TensorSpec, UserModel

class Doubler(UserModel):
    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP64, (-1, 3)),),
        outputs=(TensorSpec("y", Datatype.FP64, (-1, 3)),),
    )

    def predict(self, inputs, parameters):
        return {"y": inputs["x"] * 2}
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy.typing as npt

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import InputKind, Signature, TensorSpec

__all__ = ["Datatype", "InputKind", "Signature", "TensorSpec", "UserModel"]


class UserModel:
    """The base of a model that is written in Python.

    The server makes one instance in each worker, without arguments, calls `load` once, then `predict` for every
    request, and `close` at the end. Requests are checked against `signature` before `predict` sees them.
    """

    signature: ClassVar[Signature]
    """What the model takes and gives. Required."""

    is_thread_safe: ClassVar[bool] = False
    """Whether two threads may call `predict` at the same time."""

    example: ClassVar[Any] = None
    """A payload in a form that `/predict` takes: it warms the server and fills `/docs`."""

    def load(self) -> None:
        """Read what `predict` needs (weights, tables). The worker is ready when this has returned."""

    def predict(
        self, inputs: Mapping[str, npt.NDArray[Any]], parameters: Mapping[str, Any]
    ) -> Mapping[str, npt.NDArray[Any]]:
        """One prediction.

        Args:
            inputs: arrays by the names of the signature; the columns of shape [n] where its kind is FRAME. Texts are
                object arrays of `str`, with None for a missing one.
            parameters: the request's own parameters.

        Returns:
            arrays by the names of the signature's outputs, with the batch as the first dimension.

        Raises:
            modelyard_serving.errors.InvalidInput: the values are wrong; the caller gets the message.
        """
        raise NotImplementedError(f"{type(self).__name__} has no predict")

    def close(self) -> None:
        """Free what `load` took."""
