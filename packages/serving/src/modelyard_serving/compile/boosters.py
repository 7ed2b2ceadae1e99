"""Code shared by the boosters: trees, the link function from raw scores to predictions, and a wrapper's classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto

from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate, finished, graph_inputs
from modelyard_serving.compile.graph_builder import GraphBuilder, add_binary, add_multiclass, finite
from modelyard_serving.compile.trees import Tree, regressor_node
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.signature import TensorSpec


@dataclass(frozen=True, slots=True)
class Boosted:
    """A booster as numbers."""

    trees: Sequence[Tree]
    base: Sequence[float]
    """The raw score before any tree, by target."""
    link: str
    """From raw scores to the booster's own answer: `identity`, `sigmoid`, `softmax` or `exp`."""
    rounds_input: bool
    """Whether it rounds its input to float32 before it compares."""
    refuses_infinite: bool = False
    """Whether it refuses what is an infinity after that."""
    missing: float = math.nan
    """The value that means missing, besides NaN."""


_LINKS = {"sigmoid": "Sigmoid", "exp": "Exp", "identity": "Identity"}


def candidate(model: EstimatorModel, boosted: Boosted) -> Candidate:
    """The booster's graph, with the outputs of its signature."""
    (graph_input,) = graph_inputs(model.signature, by_column=False)
    build = GraphBuilder()
    source = "data"
    if boosted.rounds_input:
        narrow = build.cast(source, TensorProto.FLOAT)
        is_guarded = boosted.refuses_infinite and graph_input.dtype != np.float32
        source = finite(build, narrow, kind=TensorProto.FLOAT) if is_guarded else narrow
    if not math.isnan(boosted.missing):
        kind = TensorProto.FLOAT if boosted.rounds_input else TensorProto.DOUBLE
        sentinel, nan = (build.constant([value], element_type=kind) for value in (boosted.missing, math.nan))
        source = build.add("Where", [build.add("Equal", [source, sentinel]), nan, source])
    sums = build.name("sums")
    build.node(
        regressor_node(
            boosted.trees,
            source=build.double(source),
            output=sums,
            targets=len(boosted.base),
            base=boosted.base,
            name="trees",
        )
    )
    outputs = _add_outputs(build, build.double(sums), model, boosted)
    body = build.model(inputs=[("data", TensorProto.DOUBLE)], outputs=list(outputs))
    return Candidate("float64", finished(body, inputs=[graph_input], outputs=outputs))


def _add_outputs(build: GraphBuilder, raw: str, model: EstimatorModel, boosted: Boosted) -> dict[str, TensorSpec]:
    default, *others = model.signature.outputs
    classes = getattr(model.estimator, "classes_", None)
    if classes is None:
        if boosted.link == "softmax":
            build.add("Softmax", [raw], "answer", axis=1)
        else:
            build.add(_LINKS[boosted.link], [raw], "answer")
        return {"answer": default}
    if boosted.link not in ("sigmoid", "softmax"):
        raise Untranslatable(f"a classifier of which the link is {boosted.link} has no translation")
    labels: list[Any] = [value.item() if hasattr(value, "item") else value for value in classes]
    if boosted.link == "sigmoid":
        add_binary(build, raw, classes=labels, label="label", probabilities="probabilities", zero_is_positive=False)
    else:
        add_multiclass(build, raw, classes=labels, label="label", probabilities="probabilities")
    return {"label": default, **({"probabilities": others[0]} if others else {})}
