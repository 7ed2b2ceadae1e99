"""The two models of the conformance table on KServe's own server."""

from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid

ECHO = [
    {"name": "x", "datatype": "FP32", "shape": [-1, 3]},
    {"name": "n", "datatype": "INT8", "shape": [-1, 2]},
    {"name": "s", "datatype": "BYTES", "shape": [-1, 1]},
]


class Echo(Model):  # type: ignore[misc]  # Not installed here: it has an environment of its own.
    """Gives its inputs back."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The declared inputs."""
        return ECHO

    def get_output_types(self) -> list[dict[str, Any]]:
        """The declared outputs."""
        return [{**tensor, "name": f"{tensor['name']}_out"} for tensor in ECHO]

    def predict(self, payload: InferRequest, *_: Any, **__: Any) -> InferResponse:
        """One output for every input."""
        return _answer(self.name, payload, {f"{tensor.name}_out": tensor.as_numpy() for tensor in payload.inputs})


class Scale(Model):  # type: ignore[misc]  # Not installed here: it has an environment of its own.
    """Doubles its input."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The declared input."""
        return [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The declared output."""
        return [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}]

    def predict(self, payload: InferRequest, *_: Any, **__: Any) -> InferResponse:
        """The doubled tensor."""
        return _answer(self.name, payload, {"y": payload.inputs[0].as_numpy() * 2})


def _answer(model: str, request: InferRequest, arrays: dict[str, Any]) -> InferResponse:
    datatypes = {f"{tensor.name}_out": tensor.datatype for tensor in request.inputs}
    outputs = []
    for name, array in arrays.items():
        output = InferOutput(name=name, datatype=datatypes.get(name, "FP32"), shape=list(array.shape))
        output.set_data_from_numpy(array, binary_data=False)
        outputs.append(output)
    return InferResponse(
        response_id=request.id or generate_uuid(),
        model_name=model,
        infer_outputs=outputs,
        requested_outputs=request.request_outputs,
        use_binary_outputs=request.use_binary_outputs,
    )


if __name__ == "__main__":
    ModelServer(http_port=18090, grpc_port=18091, workers=1).start([Echo("echo"), Scale("scale")])
