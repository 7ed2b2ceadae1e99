"""Random models of XGBoost, LightGBM and CatBoost, saved in their own formats and loaded as the server loads them."""

import tempfile
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import xgboost
from benchmarks.robustness.compiler.case import Case
from benchmarks.robustness.compiler.pieces import Random

from modelyard_serving.runtimes.base import Model
from modelyard_serving.runtimes.catboost import CatboostRuntime
from modelyard_serving.runtimes.lightgbm import LightgbmRuntime
from modelyard_serving.runtimes.sklearn import estimator_model
from modelyard_serving.runtimes.xgboost import XgboostRuntime


def booster_case(random: Random) -> Case:
    """A booster on one matrix, of two or more classes or of numbers."""
    rows, columns = int(random.integers(60, 140)), int(random.integers(1, 6))
    x = random.standard_normal((rows, columns)) * 10.0 ** random.integers(-2, 3, columns)
    if random.random() < 0.5:
        x[random.random(x.shape) < 0.1] = np.nan
    sentinel = -999.0 if random.random() < 0.2 else np.nan
    if random.random() < 0.3:
        x[:, 0] = random.integers(0, 4, rows)
    x[np.isnan(x)] = sentinel
    score = np.nan_to_num(x) @ random.standard_normal(columns)
    classes = int(random.choice([0, 2, 3]))
    y = np.argsort(np.argsort(score)) * classes // rows if classes else score
    make = (_xgboost, _xgboost, _xgboost_wrapper, _lightgbm, _lightgbm_wrapper, _catboost)[int(random.integers(6))]
    with tempfile.TemporaryDirectory() as folder:
        kind, model = make(random, x, y, classes, sentinel, Path(folder))
    spec = model.signature.inputs[0]
    return Case("booster", kind, model, {spec.name: x.astype(spec.datatype.numpy_dtype)})


Made = tuple[str, Model]


def _xgboost(random: Random, x: Any, y: Any, classes: int, _: float, folder: Path) -> Made:
    regression = ("reg:squarederror", "reg:absoluteerror", "count:poisson", "reg:logistic")
    objective = {0: str(random.choice(regression)), 2: "binary:logistic", 3: "multi:softprob"}[classes]
    if objective in ("count:poisson", "reg:logistic"):
        y = (np.abs(y) - np.abs(y).min()) / (np.ptp(np.abs(y)) or 1.0)
    options = {"objective": objective, "max_depth": 3} | ({"num_class": 3} if classes == 3 else {})
    xgboost.train(options, xgboost.DMatrix(x, y), 4).save_model(folder / "model.ubj")
    return f"xgboost {objective}", XgboostRuntime().load(folder / "model.ubj")


def _xgboost_wrapper(__: Random, x: Any, y: Any, classes: int, sentinel: float, _: Path) -> Made:
    kind = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
    estimator = kind(n_estimators=4, max_depth=3, missing=sentinel, n_jobs=1).fit(x, y)
    return f"pickled {kind.__name__}(missing={sentinel})", estimator_model(estimator, platform="sklearn_joblib")


def _lightgbm(random: Random, x: Any, y: Any, classes: int, _: float, folder: Path) -> Made:
    options = _lightgbm_options(random, classes)
    lightgbm.train(options, lightgbm.Dataset(x, y), 4).save_model(folder / "model.txt")
    return f"lightgbm {options}", LightgbmRuntime().load(folder / "model.txt")


def _lightgbm_wrapper(random: Random, x: Any, y: Any, classes: int, _: float, __: Path) -> Made:
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    options: dict[str, Any] = {"use_missing": bool(random.random() < 0.8)}
    options["zero_as_missing"] = bool(random.random() < 0.2)
    estimator = kind(n_estimators=4, min_child_samples=3, verbose=-1, n_jobs=1, **options).fit(x, y)
    return f"pickled {kind.__name__} {options}", estimator_model(estimator, platform="sklearn_joblib")


def _lightgbm_options(random: Random, classes: int) -> dict[str, Any]:
    objective = {0: str(random.choice(["regression", "regression_l1", "huber"])), 2: "binary", 3: "multiclass"}[classes]
    options: dict[str, Any] = {"objective": objective, "verbose": -1, "min_data_in_leaf": 3, "num_threads": 1}
    options |= {"use_missing": bool(random.random() < 0.8), "zero_as_missing": bool(random.random() < 0.2)}
    return options | ({"num_class": 3} if classes == 3 else {})


def _catboost(random: Random, x: Any, y: Any, classes: int, _: float, folder: Path) -> Made:
    kind = catboost.CatBoostClassifier if classes else catboost.CatBoostRegressor
    mode = str(random.choice(["Min", "Max"]))
    model = kind(iterations=4, depth=3, verbose=0, nan_mode=mode, allow_writing_files=False, thread_count=1).fit(x, y)
    model.save_model(str(folder / "model.cbm"))
    return f"catboost {kind.__name__}(nan_mode={mode})", CatboostRuntime().load(folder / "model.cbm")
