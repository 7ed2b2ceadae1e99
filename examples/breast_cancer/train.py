# /// script
# requires-python = ">=3.11"
# dependencies = ["mlflow>=3.17,<3.18", "pandas>=2", "scikit-learn>=1.5"]
# ///
"""Tell malignant from benign tumours: a scikit-learn classifier on the Wisconsin breast-cancer data."""

from importlib.metadata import version

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PARAMETERS = {"C": 0.5, "max_iter": 500}


def main() -> None:
    """Train, measure on held-out rows, and log everything to MLflow."""
    data = load_breast_cancer(as_frame=True)
    train_rows, held_rows, train_labels, held_labels = train_test_split(
        data.data, data.target, test_size=0.2, stratify=data.target, random_state=7
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(**PARAMETERS))
    model.fit(train_rows, train_labels)
    predictions = model.predict(held_rows)

    with mlflow.start_run(run_name="logistic-regression"):
        mlflow.log_params(PARAMETERS)
        mlflow.log_metric("accuracy", accuracy_score(held_labels, predictions))
        mlflow.log_metric("roc_auc", roc_auc_score(held_labels, model.predict_proba(held_rows)[:, 1]))
        mlflow.set_tag("classes", "0 = malignant, 1 = benign")
        holdout = {
            "inputs": held_rows.to_dict("list"),
            "labels": held_labels.tolist(),
            "predictions": predictions.tolist(),
        }
        mlflow.log_dict(holdout, "holdout.json")
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(held_rows, predictions),
            input_example=held_rows.head(3),
            # Stated, so that MLflow does not load the model in a second process to find out.
            pip_requirements=[f"{name}=={version(name)}" for name in ("pandas", "scikit-learn", "skops")],
        )


if __name__ == "__main__":
    main()
