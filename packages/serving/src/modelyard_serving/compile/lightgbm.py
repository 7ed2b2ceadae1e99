"""LightGBM to ONNX, from the booster's own description: thresholds stay doubles, as LightGBM compares them."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from modelyard_serving.compile.boosters import Boosted, candidate
from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate
from modelyard_serving.compile.trees import Tree
from modelyard_serving.runtimes.estimator import EstimatorModel

_LINKS = {"binary": "sigmoid", "multiclass": "softmax", "poisson": "exp", "gamma": "exp", "tweedie": "exp"}
_IDENTITY = frozenset({"regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg"})


def candidates(model: EstimatorModel) -> Iterator[Candidate | Untranslatable]:
    """The one translation that there is."""
    booster = getattr(model.estimator, "booster_", model.estimator)
    description = booster.dump_model()
    if description.get("average_output"):
        raise Untranslatable("a LightGBM forest, which averages its trees, has no translation")
    targets = int(description["num_tree_per_iteration"])
    best = booster.best_iteration if booster.best_iteration > 0 else None
    tree_infos = description["tree_info"][: best and best * targets]
    trees = [_tree(tree["tree_structure"], target=index % targets) for index, tree in enumerate(tree_infos)]
    link = _link(str(description.get("objective", "")))
    yield candidate(model, Boosted(trees=trees, base=[0.0] * targets, link=link, rounds_input=False))


def _link(objective: str) -> str:
    name, *options = objective.split(" ")
    if name in _IDENTITY and "sqrt" not in options:
        return "identity"
    if name not in _LINKS or (name == "binary" and "sigmoid:1" not in options):
        raise Untranslatable(f"the objective {objective!r} of LightGBM has no translation")
    return _LINKS[name]


def _tree(structure: dict[str, Any], *, target: int) -> Tree:
    """The nodes of a tree in the order in which they are found, from the root on."""
    nodes: list[dict[str, Any]] = [structure]
    left, right = [], []
    for node in nodes:  # It grows while it is walked.
        is_leaf = "leaf_value" in node
        left.append(-1 if is_leaf else len(nodes))
        right.append(-1 if is_leaf else len(nodes) + 1)
        if not is_leaf:
            nodes += [node["left_child"], node["right_child"]]
    return Tree(
        left=np.array(left),
        right=np.array(right),
        feature=np.array([node.get("split_feature", 0) for node in nodes]),
        threshold=np.array([_threshold(node) for node in nodes]),
        missing_goes_left=np.array([_missing_goes_left(node) for node in nodes]),
        weights=np.array([[node.get("leaf_value", 0.0)] for node in nodes]),
        first_target=target,
    )


def _threshold(node: dict[str, Any]) -> float:
    if "leaf_value" in node:
        return 0.0
    if node["decision_type"] != "<=" or "leaf_coeff" in node:
        raise Untranslatable("categorical splits and linear trees of LightGBM have no translation")
    threshold = float(node["threshold"])
    return threshold if math.isfinite(threshold) else math.copysign(np.finfo(np.float64).max, threshold)


def _missing_goes_left(node: dict[str, Any]) -> bool:
    """LightGBM takes a missing value for zero where it saw none in training."""
    if "leaf_value" in node:
        return False
    if node["missing_type"] == "Zero":
        raise Untranslatable("a LightGBM model with zero_as_missing has no translation")
    return bool(node["default_left"]) if node["missing_type"] == "NaN" else node["threshold"] >= 0
