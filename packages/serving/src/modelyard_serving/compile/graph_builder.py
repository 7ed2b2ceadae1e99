"""ONNX nodes for whichever graph is being built: from raw scores to labels and probabilities, and what refuses."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from onnx import ModelProto, TensorProto, helper

from modelyard_serving.compile.graph import OPSETS


class Builder(ABC):
    """Adds nodes under names of its own making."""

    @abstractmethod
    def name(self, hint: str) -> str:
        """A name that is not taken yet."""

    @abstractmethod
    def node(self, node: Any) -> None:
        """Add a node that is whole."""

    @abstractmethod
    def initializer(self, name: str, element_type: int, shape: Sequence[int], values: Sequence[Any]) -> None:
        """Add a constant tensor."""

    def add(self, op_type: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """One node with one output; gives the output's name."""
        output = output or self.name(op_type.lower())
        self.node(helper.make_node(op_type, list(inputs), [output], name=self.name(f"node_{op_type}"), **attributes))
        return output

    def constant(self, values: Sequence[Any], *, element_type: int = TensorProto.DOUBLE) -> str:
        name = self.name("constant")
        data = [value.encode() if isinstance(value, str) else value for value in values]
        self.initializer(name, element_type, [len(data)], data)
        return name

    def cast(self, source: str, element_type: int) -> str:
        return self.add("Cast", [source], to=element_type)

    def double(self, source: str) -> str:
        return self.cast(source, TensorProto.DOUBLE)


class GraphBuilder(Builder):
    """Builds a graph of its own."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._initializers: list[Any] = []
        self._names = 0

    def name(self, hint: str) -> str:
        self._names += 1
        return f"{hint}_{self._names}"

    def node(self, node: Any) -> None:
        self._nodes.append(node)

    def initializer(self, name: str, element_type: int, shape: Sequence[int], values: Sequence[Any]) -> None:
        self._initializers.append(helper.make_tensor(name, element_type, list(shape), list(values)))

    def model(self, *, inputs: Sequence[tuple[str, int]], outputs: Sequence[str]) -> ModelProto:
        """The graph, whose inputs are `(name, element type)`."""
        graph = helper.make_graph(
            self._nodes,
            "model",
            [helper.make_tensor_value_info(name, element_type, None) for name, element_type in inputs],
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in outputs],
            self._initializers,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def finite(build: Builder, source: str, *, missing: bool = True, kind: int = TensorProto.DOUBLE) -> str:
    """The same numbers; onnxruntime fails where one is infinite, for it looks up what is not there.

    Args:
        missing: whether NaN is let through.
        kind: the numbers' datatype.
    """
    if missing:
        wrong = build.add("IsInf", [source])
    else:  # One sum of all: what is not finite makes it NaN, and next to nothing is computed a second time.
        wrong = build.add("IsNaN", [build.add("ReduceSum", [build.add("Sub", [source, source])], keepdims=0)])
    nothing = build.add(
        "Gather", [build.constant([0.0], element_type=kind), build.cast(wrong, TensorProto.INT64)], axis=0
    )
    return build.add("Add", [source, nothing])


def add_binary(
    build: Builder, raw: str, *, classes: Sequence[Any], label: str, probabilities: str, zero_is_positive: bool
) -> None:
    """Label and probabilities of raw scores `[rows, 1]`, the log odds of the second of two classes.

    Args:
        zero_is_positive: whether a raw score of exactly zero means the second class.
    """
    positive = build.add("Sigmoid", [raw])
    negative = build.add("Sub", [build.constant([1.0]), positive])
    build.add("Concat", [negative, positive], probabilities, axis=1)
    above = build.add("GreaterOrEqual" if zero_is_positive else "Greater", [raw, build.constant([0.0])])
    flat = build.constant([-1], element_type=TensorProto.INT64)
    index = build.add("Reshape", [build.cast(above, TensorProto.INT64), flat])
    add_class(build, index, classes=classes, output=label)


def add_multiclass(build: Builder, raw: str, *, classes: Sequence[Any], label: str, probabilities: str) -> None:
    """Label and probabilities of raw scores `[rows, classes]` by softmax."""
    build.add("Softmax", [raw], probabilities, axis=1)
    add_class(build, build.add("ArgMax", [raw], axis=1, keepdims=0), classes=classes, output=label)


def add_class(build: Builder, index: str, *, classes: Sequence[Any], output: str) -> None:
    """The label of each row's index."""
    is_text = isinstance(classes[0], str)
    if not is_text and not all(isinstance(value, int) for value in classes):
        raise NotImplementedError("labels that are neither whole numbers nor texts have no translation")
    values = build.constant(list(classes), element_type=TensorProto.STRING if is_text else TensorProto.INT64)
    build.add("Gather", [values, index], output, axis=0)
