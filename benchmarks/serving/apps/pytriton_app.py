"""PyTriton: Triton's own HTTP and gRPC in front of a Python function, with its dynamic batching at its defaults."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import predictor
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

CASE = json.loads((Path(os.environ[predictor.FOLDER]) / "case.json").read_text())
MODEL = predictor.load()
DTYPES = {"FP32": np.float32, "FP64": np.float64}


@batch  # type: ignore[untyped-decorator]  # Not installed here: it has an environment of its own.
def matrix(input: Any) -> list[Any]:  # noqa: A002  # The tensor's name.
    """For numeric models."""
    answers = MODEL(input)
    return [answers if answers.ndim > 1 else answers.reshape(-1, 1)]


@batch  # type: ignore[untyped-decorator]  # As above.
def table(**columns: Any) -> list[Any]:
    """For tables."""
    import pandas as pd  # noqa: PLC0415  # Only a table needs it.

    texts = {
        name: np.char.decode(values[:, 0].astype(bytes))
        for name, values in columns.items()
        if values.dtype.kind in "SO"
    }
    numbers = {name: values[:, 0] for name, values in columns.items() if name not in texts}
    return [MODEL(pd.DataFrame({**numbers, **texts})).reshape(-1, 1)]


def inputs() -> Sequence[Tensor]:
    """The model's inputs, without the batch."""
    rows = CASE["rows"]
    if isinstance(rows, list):
        return [Tensor(name="input", dtype=DTYPES[CASE["datatype"]], shape=(len(rows[0]),))]
    return [
        Tensor(name=name, dtype=bytes if isinstance(column[0], str) else np.float64, shape=(1,))
        for name, column in rows.items()
    ]


def output() -> Tensor:
    """The model's output, likewise."""
    answer = CASE["answers"][0]
    if isinstance(answer, list):
        return Tensor(name="predictions", dtype=np.float32, shape=(len(answer),))
    return Tensor(name="predictions", dtype=np.int64, shape=(1,))


if __name__ == "__main__":
    http_port, grpc_port = map(int, sys.argv[1:])
    ports = TritonConfig(
        http_address="127.0.0.1",
        grpc_address="127.0.0.1",
        http_port=http_port,
        grpc_port=grpc_port,
        allow_metrics=False,
    )
    with Triton(config=ports) as triton:
        function = matrix if isinstance(CASE["rows"], list) else table
        triton.bind("model", function, inputs=inputs(), outputs=[output()], config=ModelConfig(max_batch_size=1024))
        triton.serve()
