"""Logs a model and registers it in MLflow in one call, as `killed-in-between`; it ends when the gate is open."""

import time
from pathlib import Path

import mlflow
import numpy as np
from sklearn.linear_model import LinearRegression

x = np.arange(6, dtype=np.float64)[:, None]
with mlflow.start_run():
    mlflow.sklearn.log_model(
        LinearRegression().fit(x, 2.0 * x[:, 0] + 1.0),
        name="line",
        input_example=x[:2],
        registered_model_name="killed-in-between",
        pip_requirements=["scikit-learn", "skops", "pandas"],
    )
Path("registered.reached").touch()
while not Path("registered.open").exists():
    time.sleep(0.02)
