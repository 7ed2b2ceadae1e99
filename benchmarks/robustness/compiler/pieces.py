"""The pieces of scikit-learn that random pipelines are made of: each with options of which any may be drawn."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import (
    calibration,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion

Random = np.random.Generator
Make = Callable[[Random], BaseEstimator]

FUNCTIONS = (
    np.abs, np.ceil, np.exp, np.exp2, np.expm1, np.floor, np.log, np.log10, np.log1p, np.log2, np.negative,
    np.reciprocal, np.sqrt, np.square,
)  # fmt: skip


def drawn(kind: Callable[..., BaseEstimator], /, *fixed: Any, **options: Sequence[Any]) -> Make:
    """Makes the estimator with one of the values of each option."""
    return lambda random: kind(*fixed, **{name: _one(random, values) for name, values in options.items()})


def _one(random: Random, values: Sequence[Any]) -> Any:
    return values[int(random.integers(len(values)))]


def one(random: Random, makes: Sequence[Make]) -> BaseEstimator:
    """Any of them."""
    return _one(random, makes)(random)


_FEW: dict[str, Sequence[Any]] = {"random_state": [0], "max_depth": [2, 4, None]}
_TREES: dict[str, Sequence[Any]] = {"n_estimators": [3, 10], **_FEW}

CLASSIFIERS: Sequence[Make] = [
    drawn(linear_model.LogisticRegression, C=[0.01, 1.0, 100.0], max_iter=[200]),
    drawn(linear_model.LogisticRegressionCV, max_iter=[100], cv=[2], Cs=[2]),
    drawn(linear_model.SGDClassifier, loss=["log_loss", "modified_huber", "hinge"], max_iter=[50], random_state=[0]),
    drawn(linear_model.RidgeClassifier),
    drawn(linear_model.Perceptron, max_iter=[50]),
    drawn(svm.LinearSVC, max_iter=[300]),
    drawn(svm.SVC, kernel=["rbf", "linear", "poly"], decision_function_shape=["ovr", "ovo"]),
    drawn(naive_bayes.GaussianNB),
    drawn(naive_bayes.BernoulliNB, alpha=[1.0, 0.1]),
    drawn(tree.DecisionTreeClassifier, **_FEW),
    drawn(tree.ExtraTreeClassifier, **_FEW),
    drawn(ensemble.RandomForestClassifier, **_TREES),
    drawn(ensemble.ExtraTreesClassifier, **_TREES),
    drawn(ensemble.GradientBoostingClassifier, n_estimators=[3], random_state=[0]),
    drawn(ensemble.HistGradientBoostingClassifier, max_iter=[3, 8], max_leaf_nodes=[4, None]),
    drawn(ensemble.AdaBoostClassifier, n_estimators=[3, 8], random_state=[0]),
    lambda random: ensemble.BaggingClassifier(one(random, SIMPLE_CLASSIFIERS), 3, random_state=0),
    lambda random: ensemble.VotingClassifier(
        _named(random, SIMPLE_CLASSIFIERS), voting=_one(random, ["hard", "soft"]), flatten_transform=True
    ),
    lambda random: ensemble.StackingClassifier(
        _named(random, SIMPLE_CLASSIFIERS), one(random, SIMPLE_CLASSIFIERS), cv=2
    ),
    lambda random: multiclass.OneVsRestClassifier(one(random, SIMPLE_CLASSIFIERS)),
    lambda random: multiclass.OneVsOneClassifier(one(random, SIMPLE_CLASSIFIERS)),
    lambda random: calibration.CalibratedClassifierCV(one(random, SIMPLE_CLASSIFIERS), cv=2),
    drawn(neighbors.KNeighborsClassifier, n_neighbors=[1, 4], weights=["uniform", "distance"]),
    drawn(discriminant_analysis.LinearDiscriminantAnalysis),
    drawn(discriminant_analysis.QuadraticDiscriminantAnalysis, reg_param=[0.1]),
    drawn(neural_network.MLPClassifier, (6,), max_iter=[30], random_state=[0], activation=["relu", "tanh", "logistic"]),
]
SIMPLE_CLASSIFIERS: Sequence[Make] = [
    drawn(linear_model.LogisticRegression, max_iter=[200]),
    drawn(linear_model.SGDClassifier, loss=["log_loss"], max_iter=[50], random_state=[0]),
    drawn(tree.DecisionTreeClassifier, **_FEW),
    drawn(ensemble.RandomForestClassifier, n_estimators=[3], random_state=[0]),
    drawn(naive_bayes.GaussianNB),
]
REGRESSORS: Sequence[Make] = [
    drawn(linear_model.LinearRegression),
    drawn(linear_model.Ridge, alpha=[0.1, 10.0]),
    drawn(linear_model.Lasso, alpha=[0.01]),
    drawn(linear_model.ElasticNet, alpha=[0.01]),
    drawn(linear_model.BayesianRidge),
    drawn(linear_model.HuberRegressor, max_iter=[100]),
    drawn(linear_model.SGDRegressor, max_iter=[20], random_state=[0]),
    drawn(svm.SVR, kernel=["rbf", "linear", "poly", "sigmoid"]),
    drawn(svm.LinearSVR, max_iter=[200]),
    drawn(tree.DecisionTreeRegressor, **_FEW),
    drawn(tree.ExtraTreeRegressor, **_FEW),
    drawn(ensemble.RandomForestRegressor, **_TREES),
    drawn(ensemble.ExtraTreesRegressor, **_TREES),
    drawn(ensemble.GradientBoostingRegressor, n_estimators=[5], loss=["squared_error", "huber"], random_state=[0]),
    drawn(ensemble.HistGradientBoostingRegressor, max_iter=[5], loss=["squared_error", "absolute_error"]),
    drawn(ensemble.AdaBoostRegressor, n_estimators=[4], random_state=[0]),
    lambda random: ensemble.BaggingRegressor(one(random, SIMPLE_REGRESSORS), 3, random_state=0),
    lambda random: ensemble.VotingRegressor(_named(random, SIMPLE_REGRESSORS)),
    lambda random: ensemble.StackingRegressor(_named(random, SIMPLE_REGRESSORS), one(random, SIMPLE_REGRESSORS), cv=2),
    drawn(linear_model.RANSACRegressor, linear_model.Ridge(), random_state=[0], min_samples=[0.5]),
    drawn(neighbors.KNeighborsRegressor, n_neighbors=[1, 4]),
    drawn(neural_network.MLPRegressor, (6,), max_iter=[30], random_state=[0], activation=["relu", "tanh"]),
    lambda random: TransformedTargetRegressor(
        one(random, SIMPLE_REGRESSORS), transformer=one(random, [drawn(preprocessing.StandardScaler)])
    ),
    lambda random: TransformedTargetRegressor(one(random, SIMPLE_REGRESSORS), func=np.arcsinh, inverse_func=np.sinh),
    lambda random: TransformedTargetRegressor(one(random, SIMPLE_REGRESSORS), func=_logarithm, inverse_func=np.exp),
]
SIMPLE_REGRESSORS: Sequence[Make] = [
    drawn(linear_model.Ridge),
    drawn(linear_model.LinearRegression),
    drawn(tree.DecisionTreeRegressor, **_FEW),
    drawn(ensemble.RandomForestRegressor, n_estimators=[3], random_state=[0]),
]
TRANSFORMERS: Sequence[Make] = [
    drawn(preprocessing.StandardScaler, with_mean=[True, False]),
    drawn(preprocessing.StandardScaler),
    drawn(preprocessing.MinMaxScaler, clip=[True, False]),
    drawn(preprocessing.MaxAbsScaler),
    drawn(preprocessing.RobustScaler),
    drawn(preprocessing.Normalizer, norm=["l1", "l2", "max"]),
    drawn(preprocessing.Binarizer, threshold=[0.0, 0.7]),
    drawn(
        preprocessing.KBinsDiscretizer,
        n_bins=[3],
        encode=["onehot-dense", "ordinal"],
        strategy=["uniform", "quantile"],
        quantile_method=["averaged_inverted_cdf"],
    ),
    drawn(preprocessing.PolynomialFeatures, degree=[2], interaction_only=[True, False]),
    drawn(preprocessing.QuantileTransformer, n_quantiles=[10], output_distribution=["uniform", "normal"]),
    drawn(preprocessing.PowerTransformer),
    drawn(preprocessing.FunctionTransformer, func=FUNCTIONS),
    drawn(preprocessing.FunctionTransformer, func=FUNCTIONS, validate=[True]),
    drawn(preprocessing.OneHotEncoder, handle_unknown=["ignore", "error"], sparse_output=[False]),
    drawn(SimpleImputer, strategy=["mean", "median", "most_frequent"], add_indicator=[True, False]),
    drawn(SimpleImputer, missing_values=[-1.0, 0.0, -999.0], strategy=["mean", "constant"]),
    drawn(decomposition.PCA, n_components=[1, 2], whiten=[True, False]),
    drawn(decomposition.TruncatedSVD, n_components=[1], random_state=[0]),
    drawn(feature_selection.SelectKBest, k=[1, 2]),
    drawn(feature_selection.VarianceThreshold),
    lambda random: FeatureUnion(
        [("scaled", preprocessing.StandardScaler()), ("other", one(random, TRANSFORMERS[:11]))]
    ),
]


def _named(random: Random, makes: Sequence[Make]) -> list[tuple[str, BaseEstimator]]:
    return [(f"m{number}", one(random, makes)) for number in range(int(random.integers(2, 4)))]


def _logarithm(values: Any) -> Any:
    return np.log(np.abs(values) + 1.0)


def words(estimator: Any) -> str:
    """What a pipeline is made of, on one line."""
    return " ".join(repr(estimator).split())
