"""Goes on with a run that was begun elsewhere, by its id or by MLflow's own variable, and logs a model into it."""

import os
import sys

import mlflow
import numpy as np
from sklearn.dummy import DummyRegressor

how, run_id = sys.argv[1:]
if how == "variable":
    os.environ["MLFLOW_RUN_ID"] = run_id
x = np.zeros((2, 1))
with mlflow.start_run(run_id=run_id if how == "argument" else None):
    mlflow.log_metric("accuracy", 1.0)
    mlflow.sklearn.log_model(
        DummyRegressor().fit(x, x[:, 0]), name="other", pip_requirements=["scikit-learn", "skops", "pandas"]
    )
