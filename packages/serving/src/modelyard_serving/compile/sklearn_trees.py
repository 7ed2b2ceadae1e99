"""skl2onnx converters of scikit-learn's trees that keep float64, to be used in place of its own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from modelyard_serving.compile.graph_builder import Builder, add_binary, add_class, add_multiclass, finite
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder, joined
from modelyard_serving.compile.trees import Tree, regressor_node

Convert = Callable[[Any, Any, Any], None]
_LINKS = {
    "absolute_error": "Identity",
    "gamma": "Exp",
    "poisson": "Exp",
    "quantile": "Identity",
    "squared_error": "Identity",
}
"""From the raw score of histogram gradient boosting to its prediction, by its loss."""


def _convert_averaging_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Forests and single trees: the mean of the leaves' class fractions."""
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    _refuse_several_targets(model)
    fitted = [tree.tree_ for tree in getattr(model, "estimators_", [model])]
    trees = [_tree(tree, tree.value[:, 0, :]) for tree in fitted]
    # The sums and not the mean: votes are whole numbers, of which ties stay ties.
    sums = _raw(build, trees, source=build.double(_as_float32(build, operator)), base=[0.0] * len(model.classes_))
    label, probabilities = _names(operator)
    build.add("Div", [sums, build.constant([float(len(trees))])], probabilities)
    add_class(build, build.add("ArgMax", [sums], axis=1, keepdims=0), classes=model.classes_.tolist(), output=label)


def _convert_averaging_regressor(scope: Any, operator: Any, container: Any) -> None:
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    fitted = [tree.tree_ for tree in getattr(model, "estimators_", [model])]
    trees = [_tree(tree, tree.value[:, :, 0] / len(fitted)) for tree in fitted]
    source = build.double(_as_float32(build, operator))
    sums = _raw(build, trees, source=source, base=[0.0] * trees[0].weights.shape[1])
    build.add("Identity", [sums], operator.outputs[0].full_name)


def _convert_boosting_classifier(scope: Any, operator: Any, container: Any) -> None:
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    if model.loss != "log_loss":
        raise NotImplementedError(f"the loss {model.loss!r} has no translation")
    raw = _boosted(model, build, operator)
    _add_outputs(build, raw, model, operator, zero_is_positive=True)


def _convert_boosting_regressor(scope: Any, operator: Any, container: Any) -> None:
    build = ContainerBuilder(scope, container)
    build.add("Identity", [_boosted(operator.raw_operator, build, operator)], operator.outputs[0].full_name)


def _convert_histogram_classifier(scope: Any, operator: Any, container: Any) -> None:
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    raw = _histogram(model, build, operator)
    _add_outputs(build, raw, model, operator, zero_is_positive=False)


def _convert_histogram_regressor(scope: Any, operator: Any, container: Any) -> None:
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    if model.loss not in _LINKS:
        raise NotImplementedError(f"the loss {model.loss!r} has no translation")
    build.add(_LINKS[model.loss], [_histogram(model, build, operator)], operator.outputs[0].full_name)


def _boosted(model: Any, build: Builder, operator: Any) -> str:
    """The raw scores of gradient boosting: a constant, and the learning rate times each tree."""
    if model.init is not None and model.init != "zero":
        raise NotImplementedError("a model for the first guess of gradient boosting has no translation")
    base = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0].tolist()  # noqa: SLF001
    trees = [
        _tree(fitted.tree_, fitted.tree_.value[:, 0, :1] * model.learning_rate, first_target=target)
        for stage in model.estimators_
        for target, fitted in enumerate(stage)
    ]
    return _raw(build, trees, source=build.double(_as_float32(build, operator)), base=base)


def _histogram(model: Any, build: Builder, operator: Any) -> str:
    """The raw scores of histogram gradient boosting, which compares in float64."""
    if model.is_categorical_ is not None and model.is_categorical_.any():
        raise NotImplementedError("categorical splits have no translation")
    trees = [
        _histogram_tree(predictor.nodes, first_target=target)
        for stage in model._predictors  # noqa: SLF001
        for target, predictor in enumerate(stage)
    ]
    base = np.ravel(model._baseline_prediction).tolist()  # noqa: SLF001
    return _raw(build, trees, source=build.double(joined(build, operator)), base=base)


def _raw(build: Builder, trees: Sequence[Tree], *, source: str, base: Sequence[float]) -> str:
    sums = build.name("sums")
    build.node(
        regressor_node(trees, source=source, output=sums, targets=len(base), base=base, name=build.name("trees"))
    )
    return build.double(sums)


def _add_outputs(build: Builder, raw: str, model: Any, operator: Any, *, zero_is_positive: bool) -> None:
    (label, probabilities), classes = _names(operator), model.classes_.tolist()
    if len(classes) > 2:
        add_multiclass(build, raw, classes=classes, label=label, probabilities=probabilities)
        return
    add_binary(build, raw, classes=classes, label=label, probabilities=probabilities, zero_is_positive=zero_is_positive)


def _tree(tree: Any, weights: npt.NDArray[np.float64], *, first_target: int = 0) -> Tree:
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_goes_left=tree.missing_go_to_left.astype(bool),
        weights=weights,
        first_target=first_target,
    )


def _histogram_tree(nodes: Any, *, first_target: int) -> Tree:
    is_leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=np.where(is_leaf, 0.0, nodes["num_threshold"]),
        missing_goes_left=nodes["missing_go_to_left"].astype(bool),
        weights=nodes["value"].reshape(-1, 1),
        first_target=first_target,
    )


def _as_float32(build: Builder, operator: Any) -> str:
    """These trees round their input to float32 before they compare, and refuse what is an infinity there."""
    narrow = build.cast(joined(build, operator), TensorProto.FLOAT)
    if not any(isinstance(variable.type, DoubleTensorType) for variable in operator.inputs):
        return narrow
    return finite(build, narrow, kind=TensorProto.FLOAT)


def _names(operator: Any) -> tuple[str, str]:
    label, probabilities = (output.full_name for output in operator.outputs)
    return label, probabilities


def _refuse_several_targets(model: Any) -> None:
    if model.n_outputs_ != 1:
        raise NotImplementedError("a classifier of several targets has no translation")


def _classifier_shape(operator: Any) -> None:
    from skl2onnx.common.shape_calculator import (  # noqa: PLC0415
        calculate_linear_classifier_output_shapes,
    )

    calculate_linear_classifier_output_shapes(operator)
    operator.outputs[1].type = DoubleTensorType([None, len(operator.raw_operator.classes_)])


def _regressor_shape(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, getattr(operator.raw_operator, "n_outputs_", 1)])


CONVERTERS: dict[type, Convert] = {
    **dict.fromkeys(
        (RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier, ExtraTreeClassifier),
        _convert_averaging_classifier,
    ),
    **dict.fromkeys(
        (RandomForestRegressor, ExtraTreesRegressor, DecisionTreeRegressor, ExtraTreeRegressor),
        _convert_averaging_regressor,
    ),
    GradientBoostingClassifier: _convert_boosting_classifier,
    GradientBoostingRegressor: _convert_boosting_regressor,
    HistGradientBoostingClassifier: _convert_histogram_classifier,
    HistGradientBoostingRegressor: _convert_histogram_regressor,
}
SHAPES: dict[type, Callable[[Any], None]] = {
    kind: _classifier_shape if "Classifier" in kind.__name__ else _regressor_shape for kind in CONVERTERS
}
