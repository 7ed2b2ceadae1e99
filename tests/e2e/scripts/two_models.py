"""Logs two models in one run: a line through the points, and their mean."""

import mlflow
import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

x = np.arange(6, dtype=np.float64)[:, None]
y = 2.0 * x[:, 0] + 1.0
with mlflow.start_run():
    for name, model in (("line", LinearRegression()), ("mean", DummyRegressor())):
        mlflow.sklearn.log_model(
            model.fit(x, y), name=name, input_example=x[:2], pip_requirements=["scikit-learn", "skops", "pandas"]
        )
