"""A project that is trained: arguments, a variable, data beside the script, and a module that the model needs."""

import argparse
import os
from pathlib import Path

import mlflow
import pandas as pd
from features import add_ratio  # type: ignore[import-not-found]  # It lies beside the script.
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

HERE = Path(__file__).parent

parser = argparse.ArgumentParser()
parser.add_argument("--trees", type=int, default=100)
options = parser.parse_args()

rows = pd.read_csv(HERE / "wine.csv")
columns = rows.drop(columns="cultivar")
training, test, training_target, test_target = train_test_split(columns, rows["cultivar"], random_state=0)

mlflow.autolog(disable=True)
with mlflow.start_run():
    model = make_pipeline(FunctionTransformer(add_ratio), RandomForestClassifier(options.trees, random_state=0))
    model.fit(training, training_target)
    mlflow.log_params({"trees": options.trees, "season": os.environ.get("SEASON", "any")})
    mlflow.log_metric("accuracy", model.score(test, test_target))
    mlflow.sklearn.log_model(
        model,
        name="model",
        serialization_format="cloudpickle",  # The other format knows no classes of one's own.
        input_example=training.head(3),
        code_paths=[str(HERE / "features.py")],
    )
