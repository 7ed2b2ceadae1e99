"""CatBoost to ONNX by CatBoost's own export, which computes in float32 as the model itself does."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate, finished, graph_inputs
from modelyard_serving.runtimes.estimator import EstimatorModel


def candidates(model: EstimatorModel) -> Iterator[Candidate | Untranslatable]:
    """The one translation that there is."""
    if model.estimator.get_cat_feature_indices() or model.estimator.get_text_feature_indices():
        raise Untranslatable("CatBoost exports no model with columns of texts")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.estimator.save_model(str(path), format="onnx")
        body = onnx.load(path)
    inputs = graph_inputs(model.signature, by_column=False)
    default, *others = model.signature.outputs
    label, *scores = [value.name for value in body.graph.output]
    outputs = {label: default}
    if scores and others:
        outputs[_without_maps(body.graph)] = others[0]
    yield Candidate("float32", finished(body, inputs=inputs, outputs=outputs))


def _without_maps(graph: Any) -> str:
    """Remove the node that makes a map of each row's probabilities, and return the name of its input."""
    (node,) = (node for node in graph.node if node.op_type == "ZipMap")
    graph.node.remove(node)
    return str(node.input[0])
