"""Adapts ONNX graphs: a converter's graph gets the inputs and outputs of the model's own signature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper

from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.compiled import MATRIX, fed_dtype
from modelyard_serving.runtimes.preparation import Preparation
from modelyard_serving.signature import InputKind, Signature, TensorSpec

OPSETS = {"": 19, "ai.onnx.ml": 3}
"""Old enough for every onnxruntime that we allow, new enough for comparing texts, and trees with double thresholds."""
_PREFIX = "body/"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One translation to be verified."""

    name: str
    """How it computes, for the report: `float64`, `float32`, …"""
    graph: onnx.ModelProto
    prepared_texts: Mapping[str, Preparation] = field(default_factory=dict)
    """What the server does to the texts of an input in front of the graph."""


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input of the final graph, as the server feeds it."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


def graph_inputs(signature: Signature, *, by_column: bool) -> list[GraphInput]:
    """How the server will feed the graph: tensors as they are, a frame as one matrix or as a column each."""
    if signature.kind is InputKind.TENSORS:
        return [GraphInput(spec.name, fed_dtype(spec), _shape(spec)) for spec in signature.inputs]
    if by_column:
        return [GraphInput(spec.name, fed_dtype(spec), (None, 1)) for spec in signature.inputs]
    if any(spec.datatype is Datatype.BYTES for spec in signature.inputs):
        raise Untranslatable("the model takes a frame with texts as a whole, which no graph does")
    dtype = np.result_type(*(fed_dtype(spec) for spec in signature.inputs))
    return [GraphInput(MATRIX, dtype, (None, len(signature.inputs)))]


def finished(
    body: onnx.ModelProto, *, inputs: Sequence[GraphInput], outputs: Mapping[str, TensorSpec]
) -> onnx.ModelProto:
    """The converter's graph between casts, so that it has the signature's names, datatypes and ranks.

    Args:
        inputs: the final graph's, in the order of the converter's, which may have changed their names.
        outputs: what each output of the converter's graph is in the signature.
    """
    body = compose.add_prefix(body, _PREFIX)
    graph = body.graph
    used = {name for node in graph.node for name in node.input}
    pairs = [(graph_input, value) for graph_input, value in zip(inputs, graph.input, strict=True) if value.name in used]
    used_inputs = [graph_input for graph_input, _ in pairs]
    input_casts = [
        _cast(graph_input.name, value.name, value.type.tensor_type.elem_type) for graph_input, value in pairs
    ]
    output_nodes = [node for name, spec in outputs.items() for node in _output_nodes(_PREFIX + name, spec)]
    _replace(graph.node, [*input_casts, *graph.node, *output_nodes])
    _replace(
        graph.input,
        [_value(graph_input.name, _element_type(graph_input.dtype), graph_input.shape) for graph_input in used_inputs],
    )
    _replace(graph.output, [_value(s.name, _element_type(s.datatype.numpy_dtype), _shape(s)) for s in outputs.values()])
    for spec in outputs.values():
        graph.initializer.append(
            helper.make_tensor(f"{spec.name}/shape", TensorProto.INT64, [len(spec.shape)], spec.shape)
        )
    read = {name for node in graph.node for name in node.input}
    _replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in read])
    if "" not in {opset.domain for opset in body.opset_import}:
        body.opset_import.append(helper.make_opsetid("", OPSETS[""]))
    del graph.value_info[:]
    body.producer_name = "modelyard-compile"
    return body


def _output_nodes(name: str, spec: TensorSpec) -> list[onnx.NodeProto]:
    element_type = _element_type(spec.datatype.numpy_dtype)
    if spec.shape.count(-1) > 1:
        return [_cast(name, spec.name, element_type)]
    shaped = helper.make_node("Reshape", [name, f"{spec.name}/shape"], [f"{spec.name}/shaped"])
    return [shaped, _cast(f"{spec.name}/shaped", spec.name, element_type)]


def _cast(source: str, target: str, element_type: int) -> onnx.NodeProto:
    """onnxruntime drops a cast to the same type; a text is never cast."""
    if element_type == TensorProto.STRING:
        return helper.make_node("Identity", [source], [target])
    return helper.make_node("Cast", [source], [target], to=element_type)


def _value(name: str, element_type: int, shape: Sequence[int | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element_type, list(shape))


def _element_type(dtype: np.dtype[Any]) -> int:
    return TensorProto.STRING if dtype.kind == "O" else int(helper.np_dtype_to_tensor_dtype(dtype))


def _shape(spec: TensorSpec) -> tuple[int | None, ...]:
    return tuple(None if size == -1 else size for size in spec.shape)


def _replace(field: Any, items: Sequence[Any]) -> None:
    """Protobuf's repeated fields cannot be assigned."""
    used_inputs = list(items)
    del field[:]
    field.extend(used_inputs)
