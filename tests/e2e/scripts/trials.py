"""Three trials, each in a child run with a model and its accuracy. With an argument to fail, it raises when all are
logged."""

import sys

import mlflow
import numpy as np
from sklearn.dummy import DummyRegressor

x = np.zeros((2, 1))
with mlflow.start_run():
    for name, accuracy in (("first", 0.7), ("second", 0.9), ("third", 0.8)):
        with mlflow.start_run(nested=True, run_name=name):
            mlflow.log_metric("accuracy", accuracy)
            mlflow.sklearn.log_model(
                DummyRegressor(strategy="constant", constant=accuracy).fit(x, x[:, 0]),
                name=name,
                input_example=x,
                pip_requirements=["scikit-learn", "skops", "pandas"],
            )
if sys.argv[1:] == ["fail"]:
    raise RuntimeError("the report could not be written")
