"""The classifier, with two gates: it trains when the first file is there, and ends when the second one is."""

import time
from importlib.metadata import version
from pathlib import Path

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression


def wait_for(name: str) -> None:
    """Tell that the gate is reached, and wait until it is open."""
    Path(f"{name}.reached").touch()
    while not Path(f"{name}.open").exists():
        time.sleep(0.02)


with mlflow.start_run():
    wait_for("training")
    data = load_iris(as_frame=True)
    model = LogisticRegression(max_iter=500).fit(data.data, data.target)
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(data.data, model.predict(data.data)),
        input_example=data.data.head(2),
        pip_requirements=[f"{name}=={version(name)}" for name in ("pandas", "scikit-learn", "skops")],
    )
wait_for("end")
