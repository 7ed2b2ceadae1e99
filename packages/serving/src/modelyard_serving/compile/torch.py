"""PyTorch to ONNX by PyTorch's own exporter, with a batch of any size."""

import importlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate, finished, graph_inputs
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.torch import TorchModel
from modelyard_serving.signature import InputKind, Signature, TensorSpec

_BATCH = 3
"""Any size but 0 and 1, which the exporter takes for constants."""


def candidates(model: TorchModel) -> Iterator[Candidate | Untranslatable]:
    """The one translation that there is."""
    torch = importlib.import_module("torch")
    arguments = tuple(_argument(torch, spec) for spec in _tensors(model.signature))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = _export(torch, model.module, arguments)
    except Exception as error:  # noqa: BLE001  # The exporter fails in its own words.
        yield Untranslatable(f"float32: {type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")
        return
    names = [value.name for value in body.graph.output]
    if len(names) != len(model.signature.outputs):
        raise Untranslatable(f"the network has {len(names)} outputs, the signature {len(model.signature.outputs)}")
    inputs = graph_inputs(model.signature, by_column=False)
    outputs = dict(zip(names, model.signature.outputs, strict=True))
    yield Candidate("float32", finished(body, inputs=inputs, outputs=outputs))


def _export(torch: Any, module: Any, arguments: tuple[Any, ...]) -> Any:
    if isinstance(module, torch.jit.ScriptModule):
        raise Untranslatable("TorchScript has no exporter any more; log the network itself or an exported program")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # It logs every library that is not installed.
    shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in arguments)
    program = torch.onnx.export(module, arguments, dynamo=True, dynamic_shapes=shapes, verbose=False)
    return program.model_proto


def _tensors(signature: Signature) -> list[TensorSpec]:
    """What the network itself takes: the columns of a frame come to it side by side, as float32."""
    if signature.kind is InputKind.TENSORS:
        return list(signature.inputs)
    return [TensorSpec("columns", Datatype.FP32, (-1, len(signature.inputs)))]


def _argument(torch: Any, spec: TensorSpec) -> Any:
    if any(size == -1 for size in spec.shape[1:]):
        raise Untranslatable(f"input {spec.name!r} has more variable dimensions than its batch")
    values = np.zeros((_BATCH, *spec.shape[1:]), dtype=spec.datatype.numpy_dtype)
    return torch.from_numpy(values)
