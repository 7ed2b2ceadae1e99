"""XGBoost to ONNX, from the model's own JSON: thresholds are float32, as XGBoost compares them."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from modelyard_serving.compile.boosters import Boosted, candidate
from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate
from modelyard_serving.compile.trees import Tree
from modelyard_serving.runtimes.estimator import EstimatorModel

_LINKS = {
    "binary:logistic": "sigmoid",
    "reg:logistic": "sigmoid",
    "multi:softprob": "softmax",
    "count:poisson": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
    "binary:logitraw": "identity",
    "reg:squarederror": "identity",
    "reg:absoluteerror": "identity",
    "reg:pseudohubererror": "identity",
    "reg:quantileerror": "identity",
    "rank:pairwise": "identity",
    "rank:ndcg": "identity",
    "rank:map": "identity",
}


def candidates(model: EstimatorModel) -> Iterator[Candidate | Untranslatable]:
    """The one translation that there is."""
    is_wrapper = hasattr(model.estimator, "get_booster")
    booster = model.estimator.get_booster() if is_wrapper else model.estimator
    learner = orjson.loads(bytes(booster.save_raw("json")))["learner"]
    if learner["gradient_booster"]["name"] != "gbtree":
        raise Untranslatable(f"a booster {learner['gradient_booster']['name']!r} of XGBoost has no translation")
    objective = learner["objective"]["name"]
    if is_wrapper and objective == "multi:softmax":
        objective = "multi:softprob"
    if objective not in _LINKS:
        raise Untranslatable(f"the objective {objective!r} of XGBoost has no translation")
    described = learner["gradient_booster"]["model"]
    base = _base(learner["learner_model_param"], link=_LINKS[objective])
    best = getattr(model.estimator, "best_iteration", None) if is_wrapper and _stopped_early(model.estimator) else None
    count = len(described["trees"]) if best is None else described["iteration_indptr"][best + 1]
    targets = described["tree_info"][:count]
    trees = [_tree(tree, target=target) for tree, target in zip(described["trees"][:count], targets, strict=True)]
    missing = float(np.float32(model.estimator.missing)) if is_wrapper else math.nan
    yield candidate(
        model,
        Boosted(
            trees=trees,
            base=base,
            link=_LINKS[objective],
            rounds_input=True,
            refuses_infinite=_refuses_infinite(model),
            missing=missing,
        ),
    )


def _refuses_infinite(model: EstimatorModel) -> bool:
    """Found by asking: a booster does, a wrapper reads the same array without a look at it."""
    row = {
        spec.name: np.full((1, *spec.shape[1:]), np.inf, spec.datatype.numpy_dtype) for spec in model.signature.inputs
    }
    try:
        model.predict(row)
    except Exception:  # noqa: BLE001  # Whatever it says, there is no answer.
        return True
    return False


def _stopped_early(estimator: Any) -> bool:
    return estimator.get_booster().attr("best_iteration") is not None


def _base(parameters: dict[str, str], *, link: str) -> Sequence[float]:
    """The raw score before any tree. XGBoost keeps it as an answer, so the link is undone."""
    scores = parameters["base_score"].strip("[]").split(",")
    targets = max(int(parameters["num_class"]), int(parameters.get("num_target", "1")), 1)
    values = [float(np.float32(value)) for value in scores]
    raw_scores = [_inverse_link(value, link) for value in values]
    return raw_scores * targets if len(raw_scores) == 1 else raw_scores


def _inverse_link(value: float, link: str) -> float:
    if link == "sigmoid":
        return -math.log(1 / value - 1)
    return math.log(value) if link == "exp" else value


def _tree(tree: dict[str, Any], *, target: int) -> Tree:
    if any(tree.get("split_type", ())):
        raise Untranslatable("categorical splits of XGBoost have no translation")
    left = np.array(tree["left_children"])
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    if tree["tree_param"].get("size_leaf_vector", "1") not in ("0", "1"):
        raise Untranslatable("trees of several targets of XGBoost have no translation")
    return Tree(
        left=left,
        right=np.array(tree["right_children"]),
        feature=np.array(tree["split_indices"]),
        # XGBoost goes left below the threshold, a graph at most at it: of float32 that is the next number below.
        threshold=np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64),
        missing_goes_left=np.array(tree["default_left"], dtype=bool),
        weights=np.where(left == -1, conditions, 0).astype(np.float64).reshape(-1, 1),
        first_target=target,
    )
