"""KServe's own server with a model class, without its access log and its latency log."""

import logging
import sys
from typing import Any

import predictor
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid

DATATYPES = {"int64": "INT64", "float32": "FP32"}


class Predictor(Model):  # type: ignore[misc]  # Not installed here: it has an environment of its own.
    """Arrays, or tables as data frames."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.model = predictor.load()
        self.ready = True

    def predict(self, payload: InferRequest, *_: Any, **__: Any) -> InferResponse:
        """The model's answer to each row."""
        answers = self.model(_table(payload) if len(payload.inputs) > 1 else payload.inputs[0].as_numpy())
        output = InferOutput("predictions", list(answers.shape), DATATYPES[str(answers.dtype)])
        output.set_data_from_numpy(answers, binary_data=False)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name=self.name,
            infer_outputs=[output],
            requested_outputs=payload.request_outputs,
            use_binary_outputs=payload.use_binary_outputs,
        )


def _table(payload: InferRequest) -> Any:
    """The columns as a data frame. KServe's own `as_dataframe` is empty for raw contents."""
    import pandas as pd  # noqa: PLC0415  # Only a table needs it.

    columns = {tensor.name: tensor.as_numpy() for tensor in payload.inputs}
    return pd.DataFrame(
        {name: _texts(values) if values.dtype == object else values for name, values in columns.items()}
    )


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


if __name__ == "__main__":
    http_port, grpc_port = map(int, sys.argv[1:])
    server = ModelServer(http_port=http_port, grpc_port=grpc_port, workers=1, enable_latency_logging=False)
    for noisy in ("kserve", "kserve.trace", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    server.start([Predictor("model")])
