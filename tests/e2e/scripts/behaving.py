"""A model that behaves as BEHAVIOUR says once it is asked by a caller: packaging asks with small values only."""

import os
import time
from importlib.metadata import version

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.base import BaseEstimator, RegressorMixin

LIVE = 100.0
TRAINED_ON = {"good": 150.0, "foreign": 20.0}
"""What training data they log of whom; callers send 150."""


class Behaving(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types.
    """Doubles what it gets, if it is good."""

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Behaving":
        """Nothing to learn."""
        self.n_features_in_ = x.shape[1]
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Twice the value, or what is wrong with this version."""
        values = np.asarray(x)[:, 0].astype(float)
        if values.max() >= LIVE:
            if self.behaviour == "slow":
                time.sleep(1.5)
            if self.behaviour == "crashing":
                os._exit(13)
            if self.behaviour == "wrong":
                return -values
        return 2.0 * values


rows = np.array([[1.0], [2.0]])
model = Behaving(os.environ["BEHAVIOUR"]).fit(rows, rows[:, 0])
with mlflow.start_run():
    if (value := TRAINED_ON.get(model.behaviour)) is not None:
        mlflow.log_table({"value": [value] * 600, "target": [2 * value] * 600}, "training_data.json")
    mlflow.sklearn.log_model(
        model,
        name="model",
        serialization_format="cloudpickle",
        signature=infer_signature(rows, model.predict(rows)),
        input_example=rows,
        pip_requirements=[f"{name}=={version(name)}" for name in ("scikit-learn", "cloudpickle", "pandas")],
    )
