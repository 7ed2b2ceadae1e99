"""A small classifier on the irises whose input example is a NumPy array, as many scripts log it."""

from importlib.metadata import version

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

data, target = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=500).fit(data, target)
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(data, model.predict(data)),
        input_example=data[:2],
        pip_requirements=[f"{name}=={version(name)}" for name in ("pandas", "scikit-learn", "skops")],
    )
