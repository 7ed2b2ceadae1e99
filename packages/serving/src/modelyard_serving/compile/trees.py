"""Ensembles of trees as ONNX nodes that split in float64.

The public converters write thresholds as float32, or round them, so that a value near a split takes another branch.
Here a threshold stays a double, a value is rounded to float32 only where the original rounds it, and a missing value
takes the original's branch. Sums are float64 too; only their result leaves the node as float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper, numpy_helper

_LEAF = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree: a row goes left where its feature is at most the threshold."""

    left: npt.NDArray[np.int64]
    """The index of the left child; -1 in a leaf."""
    right: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    missing_goes_left: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float64]
    """`[nodes, targets]`: what a leaf adds to each target."""
    first_target: int = 0
    """The target of the first column of `weights`."""


def regressor_node(
    trees: Sequence[Tree], *, source: str, output: str, targets: int, base: Sequence[float], name: str
) -> Any:
    """A node that sums the leaves' weights by target, from `base` on: `[rows, targets]` of float32."""
    sizes = [len(tree.left) for tree in trees]
    parts = [_attributes(tree) for tree in trees]
    leaves = [_leaves(index, tree) for index, tree in enumerate(trees)]
    numbers = {
        "nodes_treeids": np.repeat(np.arange(len(trees)), sizes),
        "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]),
        **{key: np.concatenate([part[key] for part in parts]) for key in parts[0]},
        "target_treeids": np.concatenate([part[0] for part in leaves]),
        "target_nodeids": np.concatenate([part[1] for part in leaves]),
        "target_ids": np.concatenate([part[2] for part in leaves]),
    }
    is_leaf = np.concatenate([tree.left == _LEAF for tree in trees])
    return helper.make_node(
        "TreeEnsembleRegressor",
        [source],
        [output],
        name=name,
        domain="ai.onnx.ml",
        n_targets=targets,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_modes=["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf],
        nodes_values_as_tensor=_tensor("thresholds", np.concatenate([tree.threshold for tree in trees])),
        target_weights_as_tensor=_tensor("weights", np.concatenate([part[3] for part in leaves])),
        base_values_as_tensor=_tensor("base", base),
        **{key: values.astype(np.int64).tolist() for key, values in numbers.items()},
    )


def _attributes(tree: Tree) -> dict[str, npt.NDArray[Any]]:
    return {
        "nodes_featureids": np.where(tree.left == _LEAF, 0, tree.feature),
        "nodes_truenodeids": np.where(tree.left == _LEAF, 0, tree.left),
        "nodes_falsenodeids": np.where(tree.left == _LEAF, 0, tree.right),
        "nodes_missing_value_tracks_true": tree.missing_goes_left,
    }


def _leaves(index: int, tree: Tree) -> tuple[Any, Any, Any, Any]:
    """Tree, node, target and weight of each leaf and target."""
    (nodes,) = np.nonzero(tree.left == _LEAF)
    targets = tree.weights.shape[1]
    node_ids = np.repeat(nodes, targets)
    target_ids = np.tile(np.arange(targets) + tree.first_target, len(nodes))
    return np.full(len(node_ids), index), node_ids, target_ids, tree.weights[nodes].ravel()


def _tensor(name: str, values: Any) -> Any:
    return numpy_helper.from_array(np.asarray(values, dtype=np.float64), name)
