"""A small classifier on the irises. It needs what the breast-cancer example needs, so their environments are one."""

from importlib.metadata import version

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

data = load_iris(as_frame=True)
model = LogisticRegression(max_iter=500).fit(data.data, data.target)
with mlflow.start_run():
    mlflow.log_metric("accuracy", model.score(data.data, data.target))
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(data.data, model.predict(data.data)),
        input_example=data.data.head(2),
        pip_requirements=[f"{name}=={version(name)}" for name in ("pandas", "scikit-learn", "skops")],
    )
