"""Writing nodes into the graph that skl2onnx is building."""

from collections.abc import Sequence
from typing import Any

from modelyard_serving.compile.graph import OPSETS
from modelyard_serving.compile.graph_builder import Builder


class ContainerBuilder(Builder):
    """Adds nodes to a skl2onnx container, in the scope of one operator."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def name(self, hint: str) -> str:
        return str(self._scope.get_unique_variable_name(hint))

    def node(self, node: Any) -> None:
        self._container.nodes.append(node)
        self._container.node_domain_version_pair_sets.add((node.domain, OPSETS.get(node.domain, 1)))

    def initializer(self, name: str, element_type: int, shape: Sequence[int], values: Sequence[Any]) -> None:
        self._container.add_initializer(name, element_type, list(shape), list(values))


def joined(build: Builder, operator: Any) -> str:
    """All inputs of an operator side by side."""
    names = [variable.full_name for variable in operator.inputs]
    return names[0] if len(names) == 1 else build.add("Concat", names, axis=1)
