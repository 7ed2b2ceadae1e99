"""Which way a metric is better, and whether a difference counts. Pure."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_METRIC_NAME = 250


class Direction(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """What a candidate's value is beside the baseline's."""

    BETTER = "better"
    WORSE = "worse"
    EQUAL = "equal"
    """Within the tolerance."""
    UNKNOWN = "unknown"
    """Nobody said which way is better, or one of the two has no finite value."""


@dataclass(frozen=True, slots=True)
class MetricRule:
    """How a metric is read. `tolerance` is relative to the larger magnitude of the two values."""

    direction: Direction
    tolerance: float = 1e-9


# Words of the field, as scikit-learn, MLflow and the boosting libraries name their metrics. A name is split into its
# words (`val_log_loss` is val, log, loss); the first table that knows one of them decides, losses before scores, since
# `f1_loss` is a loss.
_LOWER = frozenset(
    [
        "brier",
        "deviance",
        "duration",
        "err",
        "error",
        "hinge",
        "latency",
        "logloss",
        "loss",
        "mae",
        "mape",
        "mse",
        "msle",
        "perplexity",
        "rmse",
        "rmsle",
        "seconds",
        "smape",
    ]
)
_HIGHER = frozenset(
    [
        "acc",
        "accuracy",
        "ap",
        "auc",
        "auprc",
        "auroc",
        "bleu",
        "dice",
        "f1",
        "fbeta",
        "gain",
        "iou",
        "jaccard",
        "kappa",
        "lift",
        "likelihood",
        "map",
        "mcc",
        "mrr",
        "ndcg",
        "precision",
        "r2",
        "recall",
        "rouge",
        "score",
        "sensitivity",
        "silhouette",
        "specificity",
    ]
)
_WORD = re.compile(r"[A-Za-z0-9]+")


def rule_for(name: str, declared: Mapping[str, MetricRule]) -> MetricRule:
    """The declared rule of a metric, else what its name says in the field's usual words."""
    if name in declared:
        return declared[name]
    words = {word.lower() for word in _WORD.findall(name)}
    if words & _LOWER:
        return MetricRule(Direction.LOWER)
    return MetricRule(Direction.HIGHER if words & _HIGHER else Direction.UNKNOWN)


def verdict(baseline: float | None, candidate: float | None, rule: MetricRule) -> Verdict:
    """Compare a candidate's value with the baseline's."""
    if baseline is None or candidate is None or not (math.isfinite(baseline) and math.isfinite(candidate)):
        return Verdict.UNKNOWN
    if abs(candidate - baseline) <= rule.tolerance * max(abs(baseline), abs(candidate)):
        return Verdict.EQUAL
    if rule.direction is Direction.UNKNOWN:
        return Verdict.UNKNOWN
    is_higher = candidate > baseline
    return Verdict.BETTER if is_higher is (rule.direction is Direction.HIGHER) else Verdict.WORSE
