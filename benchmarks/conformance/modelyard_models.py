"""The two models of the conformance table for `modelyard-serve modelyard_models:Echo` and `…:Scale`."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy.typing as npt

from modelyard_serving.user_model import Datatype, Signature, TensorSpec, UserModel

Arrays = Mapping[str, npt.NDArray[Any]]
ECHO = {"x": (Datatype.FP32, (-1, 3)), "n": (Datatype.INT8, (-1, 2)), "s": (Datatype.BYTES, (-1, 1))}


class Echo(UserModel):
    """Gives its inputs back."""

    signature: ClassVar[Signature] = Signature(
        inputs=tuple(TensorSpec(name, *spec) for name, spec in ECHO.items()),
        outputs=tuple(TensorSpec(f"{name}_out", *spec) for name, spec in ECHO.items()),
    )

    def predict(self, inputs: Arrays, parameters: Mapping[str, Any]) -> Arrays:  # noqa: ARG002
        """One output for every input."""
        return {f"{name}_out": array for name, array in inputs.items()}


class Scale(UserModel):
    """Doubles its input."""

    signature: ClassVar[Signature] = Signature(
        inputs=(TensorSpec("x", Datatype.FP32, (-1, 4)),), outputs=(TensorSpec("y", Datatype.FP32, (-1, 4)),)
    )

    def predict(self, inputs: Arrays, parameters: Mapping[str, Any]) -> Arrays:  # noqa: ARG002
        """The doubled tensor."""
        return {"y": inputs["x"] * 2}
