"""The two models of the conformance table on Triton, by PyTriton."""

from typing import Any

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

ECHO = (
    Tensor(name="x", dtype=np.float32, shape=(3,)),
    Tensor(name="n", dtype=np.int8, shape=(2,)),
    Tensor(name="s", dtype=bytes, shape=(1,)),
)
PORTS = TritonConfig(http_address="127.0.0.1", grpc_address="127.0.0.1", http_port=18100, grpc_port=18101)
CONFIG = ModelConfig(max_batch_size=1 << 20)


@batch  # type: ignore[untyped-decorator]  # Not installed here: it has an environment of its own.
def echo(**inputs: Any) -> dict[str, Any]:
    """Gives its inputs back."""
    return {f"{name}_out": array for name, array in inputs.items()}


@batch  # type: ignore[untyped-decorator]  # Not installed here: it has an environment of its own.
def scale(x: Any) -> dict[str, Any]:
    """Doubles its input."""
    return {"y": x * 2}


if __name__ == "__main__":
    with Triton(config=PORTS) as triton:
        outputs = [Tensor(name=f"{tensor.name}_out", dtype=tensor.dtype, shape=tensor.shape) for tensor in ECHO]
        triton.bind("echo", echo, inputs=ECHO, outputs=outputs, config=CONFIG)
        width = (4,)
        x, y = (Tensor(name=name, dtype=np.float32, shape=width) for name in "xy")
        triton.bind("scale", scale, inputs=[x], outputs=[y], config=CONFIG)
        triton.serve()
