"""skl2onnx converters of linear models, to be used in place of its own: weights stay float64, and the label is decided
by the decision values, as the models decide it, not by probabilities, which are 0 or 1 far from the training rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    Lasso,
    LassoLars,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC, LinearSVR

from modelyard_serving.compile.graph_builder import Builder, add_class
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder, joined

_LINEAR = (
    LogisticRegression, LogisticRegressionCV, Perceptron, RidgeClassifier, RidgeClassifierCV, SGDClassifier, LinearSVC,
)  # fmt: skip


_REGRESSORS = (
    BayesianRidge, ElasticNet, HuberRegressor, Lasso, LassoLars, LinearRegression, LinearSVR, Ridge, RidgeCV,
    SGDRegressor,
)  # fmt: skip


def _convert_linear(scope: Any, operator: Any, container: Any) -> None:
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    label, scores_output = (output.full_name for output in operator.outputs)
    scores, columns = _add_decision(build, [model], model.classes_, operator, label=label)
    is_raw = container.get_options(model, {"raw_scores": False}, fail=False)["raw_scores"]
    if is_raw or not hasattr(model, "predict_proba"):
        sides = [scores] if columns > 1 else [build.add("Neg", [scores]), scores]
        build.add("Concat", sides, scores_output, axis=1)
    elif isinstance(model, LogisticRegression) and columns > 1:
        build.add("Softmax", [scores], scores_output, axis=1)
    else:
        _add_shares(build, _odds(build, scores, model), columns, scores_output, of_nothing=1.0)


def _convert_one_versus_rest(scope: Any, operator: Any, container: Any) -> None:
    """Of linear models only: others decide by probabilities, and no translation keeps their ties."""
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    if model.multilabel_ or not all(isinstance(part, _LINEAR) for part in model.estimators_):
        raise NotImplementedError("OneVsRestClassifier of several labels or of no linear model has no translation")
    label, scores_output = (output.full_name for output in operator.outputs)
    scores, columns = _add_decision(build, model.estimators_, model.classes_, operator, label=label)
    if not hasattr(model, "predict_proba"):
        build.add("Identity", [scores], scores_output)
        return
    _add_shares(build, _odds(build, scores, model.estimators_[0]), columns, scores_output, of_nothing=0.0)


def _add_decision(build: Builder, models: Sequence[Any], classes: Any, operator: Any, *, label: str) -> tuple[str, int]:
    """The label, and the decision values from which it comes: a column for each class, or one of the second of two."""
    scores, columns = _weighted_sums(build, models, operator), sum(len(np.atleast_2d(one.coef_)) for one in models)
    if columns > 1:
        add_class(build, build.add("ArgMax", [scores], axis=1, keepdims=0), classes=classes.tolist(), output=label)
    else:
        above = build.cast(build.add("Greater", [scores, build.constant([0.0])]), TensorProto.INT64)
        index = build.add("Reshape", [above, build.constant([-1], element_type=TensorProto.INT64)])
        add_class(build, index, classes=classes.tolist(), output=label)
    return scores, columns


def _weighted_sums(build: Builder, models: Sequence[Any], operator: Any) -> str:
    """The sums of the columns by the models' weights, in float64, side by side."""
    weights = np.concatenate([np.atleast_2d(model.coef_) for model in models]).astype(np.float64)
    intercepts = np.concatenate([np.broadcast_to(one.intercept_, len(np.atleast_2d(one.coef_))) for one in models])
    name = build.name("weights")
    build.initializer(name, TensorProto.DOUBLE, weights.T.shape, weights.T.ravel().tolist())
    product = build.add("MatMul", [build.double(joined(build, operator)), name])
    return build.add("Add", [product, build.constant(intercepts.tolist())])


def _odds(build: Builder, scores: str, model: Any) -> str:
    """Each class's own probability, of which those of all classes need not sum to 1."""
    if getattr(model, "loss", "log_loss") != "modified_huber":
        return _sigmoid(build, scores)
    bounded = build.add("Min", [build.add("Max", [scores, build.constant([-1.0])]), build.constant([1.0])])
    return build.add("Div", [build.add("Add", [bounded, build.constant([1.0])]), build.constant([2.0])])


def _sigmoid(build: Builder, scores: str) -> str:
    """To its last digits where it is next to nothing, for shares of such: ONNX Runtime's own becomes 0 there."""
    power = build.add("Exp", [build.add("Neg", [build.add("Abs", [scores])])])
    is_negative = build.add("Less", [scores, build.constant([0.0])])
    above = build.add("Where", [is_negative, power, build.constant([1.0])])
    return build.add("Div", [above, build.add("Add", [power, build.constant([1.0])])])


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    build.add("Identity", [_weighted_sums(build, [model], operator)], operator.outputs[0].full_name)


def _add_shares(build: Builder, odds: str, columns: int, output: str, *, of_nothing: float) -> None:
    """Probabilities that sum to 1. Where all odds are 0 each class gets an equal share of `of_nothing`."""
    if columns == 1:
        build.add("Concat", [build.add("Sub", [build.constant([1.0]), odds]), odds], output, axis=1)
        return
    total = build.add("ReduceSum", [odds, build.constant([1], element_type=TensorProto.INT64)], keepdims=1)
    is_nothing = build.add("Equal", [total, build.constant([0.0])])
    share = build.constant([of_nothing / columns])
    build.add("Where", [is_nothing, share, build.add("Div", [odds, total])], output)


def _shape(operator: Any) -> None:
    calculate_linear_classifier_output_shapes(operator)
    operator.outputs[1].type = DoubleTensorType([None, len(operator.raw_operator.classes_)])


def _regressor_shape(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, len(np.atleast_2d(operator.raw_operator.coef_))])


CONVERTERS: Mapping[type, Callable[[Any, Any, Any], None]] = {
    **dict.fromkeys(_LINEAR, _convert_linear),
    **dict.fromkeys(_REGRESSORS, _convert_regressor),
    OneVsRestClassifier: _convert_one_versus_rest,
}
SHAPES: Mapping[type, Callable[[Any], None]] = {
    kind: _regressor_shape if kind in _REGRESSORS else _shape for kind in CONVERTERS
}
