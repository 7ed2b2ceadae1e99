"""A model that breaks when it is asked to: it dies, eats memory without end, or hangs, by the value that it gets."""

import os
import time
from importlib.metadata import version

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.base import BaseEstimator, RegressorMixin

DIE, EAT, HANG = -1.0, -2.0, -3.0


class Fragile(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types.
    """Doubles what it gets."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Fragile":
        """Nothing to learn."""
        self.n_features_in_ = x.shape[1]
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Twice the value, or one of the ways to break."""
        value = float(np.asarray(x)[0, 0])
        if value == DIE:
            os._exit(13)
        if value == EAT:
            hoard = []
            while True:
                hoard.append(np.ones(4 * 1024 * 1024))  # 32 MiB, written to, so that they are resident.
                time.sleep(0.02)
        if value == HANG:
            time.sleep(3600)
        return 2.0 * np.asarray(x)[:, 0]


rows = np.array([[1.0], [2.0]])
fragile = Fragile().fit(rows, rows[:, 0])
with mlflow.start_run():
    mlflow.sklearn.log_model(
        fragile,
        name="model",
        serialization_format="cloudpickle",
        signature=infer_signature(rows, fragile.predict(rows)),
        input_example=rows,
        pip_requirements=[f"{name}=={version(name)}" for name in ("scikit-learn", "cloudpickle", "pandas")],
    )
