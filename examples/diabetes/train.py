# /// script
# requires-python = ">=3.11"
# dependencies = ["mlflow>=3.17,<3.18", "pandas>=2", "scikit-learn>=1.5", "xgboost>=3"]
# ///
"""Foretell the progress of diabetes over a year: an XGBoost regressor on 442 patients' measurements."""

import mlflow
import xgboost
from mlflow.models import infer_signature
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split

PARAMETERS = {
    "n_estimators": 200,
    "learning_rate": 0.03,
    "max_depth": 3,
    "subsample": 0.8,
    "random_state": 7,
    "n_jobs": 1,
}


def main() -> None:
    """Train, measure on held-out rows, and log everything to MLflow."""
    data = load_diabetes(as_frame=True, scaled=False)
    train_rows, held_rows, train_targets, held_targets = train_test_split(
        data.data, data.target, test_size=0.25, random_state=7
    )
    model = xgboost.XGBRegressor(**PARAMETERS)
    model.fit(train_rows, train_targets)
    predictions = model.predict(held_rows)

    with mlflow.start_run(run_name="gradient-boosting"):
        mlflow.log_params(PARAMETERS)
        mlflow.log_metric("mean_absolute_error", mean_absolute_error(held_targets, predictions))
        mlflow.log_metric("r2", r2_score(held_targets, predictions))
        holdout = {
            "inputs": held_rows.to_dict("list"),
            "labels": held_targets.tolist(),
            "predictions": predictions.tolist(),
        }
        mlflow.log_dict(holdout, "holdout.json")
        mlflow.xgboost.log_model(
            model,
            name="model",
            signature=infer_signature(held_rows, predictions),
            input_example=held_rows.head(3),
        )


if __name__ == "__main__":
    main()
