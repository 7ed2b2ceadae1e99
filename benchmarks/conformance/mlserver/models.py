"""The two models of the conformance table for MLServer, with its own codecs."""

from typing import Any

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput, ResponseOutput


class Echo(MLModel):  # type: ignore[misc]  # Not installed here: it has an environment of its own.
    """Gives its inputs back."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One output for every input."""
        outputs = [_encode(f"{tensor.name}_out", _decode(tensor), tensor.shape) for tensor in payload.inputs]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)


class Scale(MLModel):  # type: ignore[misc]  # Not installed here: it has an environment of its own.
    """Doubles its input."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The doubled tensor."""
        x = _decode(payload.inputs[0])
        return InferenceResponse(
            model_name=self.name, model_version=self.version, outputs=[_encode("y", x * 2, x.shape)]
        )


def _decode(tensor: RequestInput) -> Any:
    return (StringCodec if tensor.datatype == "BYTES" else NumpyCodec).decode_input(tensor)


def _encode(name: str, value: Any, shape: Any) -> ResponseOutput:
    if not isinstance(value, list):
        return NumpyCodec.encode_output(name, value)
    output = StringCodec.encode_output(name, value)
    output.shape = list(shape)
    return output
