# /// script
# requires-python = ">=3.11"
# dependencies = ["mlflow>=3.17,<3.18", "pandas>=2", "scikit-learn>=1.5", "statsmodels==0.15.0"]
# ///
"""Estimate the price of a car from a frame of mixed types: strings, categories, numbers, a flag, and missing values.

The data are the 205 cars of Ward's Automotive Yearbook 1985, which statsmodels carries in its wheel. What is missing
there is missing here: the yearly insurance loss of 41 cars, the doors of two, the bore of the rotary engines.
"""

import warnings
from importlib.resources import files

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_percentage_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

PARAMETERS = {"alpha": 1.0, "min_frequency": 3}
NUMBERS = ["symbol", "loss", "wb", "length", "width", "height", "weight", "eng_cc"]
NUMBERS += ["bore", "stroke", "hp", "rpm", "city_mpg"]
STRINGS = ["make", "style", "drive", "eng_type", "fuel_system"]
ORDERED = {"doors": ["two", "four"], "cylinders": ["two", "three", "four", "five", "six", "eight", "twelve"]}
FLAGS = ["turbo"]


def load_cars() -> pd.DataFrame:
    """The cars whose price is known, with each column in the type that says what it is."""
    with (files("statsmodels.gam.tests.results") / "autos.csv").open() as file:
        cars = pd.read_csv(file).rename(columns={"fuel.sys": "fuel_system"})
    cars["turbo"] = cars["aspir"] == "turbo"
    for column, levels in ORDERED.items():
        cars[column] = pd.Categorical(cars[column], categories=levels, ordered=True)
    cars["style"] = cars["style"].astype("category")
    return cars[cars["price"].notna()].reset_index(drop=True)


def build_model() -> TransformedTargetRegressor:
    """Encode each kind of column in its own way, and fit the logarithm of the price with a ridge regression."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
            (
                "strings",
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=PARAMETERS["min_frequency"]),
                STRINGS,
            ),
            (
                "ordered",
                make_pipeline(
                    OrdinalEncoder(
                        categories=list(ORDERED.values()), handle_unknown="use_encoded_value", unknown_value=np.nan
                    ),
                    SimpleImputer(strategy="most_frequent", add_indicator=True),
                    StandardScaler(),
                ),
                list(ORDERED),
            ),
            ("flags", "passthrough", FLAGS),
        ]
    )
    ridge = make_pipeline(columns, Ridge(alpha=PARAMETERS["alpha"]))
    return TransformedTargetRegressor(ridge, func=np.log, inverse_func=np.exp)


def main() -> None:
    """Train, measure on held-out cars, and log everything to MLflow."""
    cars = load_cars()
    columns = [*NUMBERS, *STRINGS, *ORDERED, *FLAGS]
    train_rows, held_rows, train_prices, held_prices = train_test_split(
        cars[columns], cars["price"], test_size=0.25, random_state=7
    )
    model = build_model()
    model.fit(train_rows, train_prices)
    predictions = model.predict(held_rows)
    # All rows tell the signature which columns may be missing. MLflow hints that integers cannot be; these never are.
    warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)

    with mlflow.start_run(run_name="ridge-on-mixed-types"):
        mlflow.log_params(PARAMETERS)
        mlflow.log_metric("mean_absolute_percentage_error", mean_absolute_percentage_error(held_prices, predictions))
        mlflow.log_metric("r2", r2_score(held_prices, predictions))
        rows = held_rows.astype(object).where(held_rows.notna(), None)  # JSON has null, and no NaN.
        holdout = {
            "inputs": rows.to_dict("list"),
            "labels": held_prices.tolist(),
            "predictions": predictions.tolist(),
        }
        mlflow.log_dict(holdout, "holdout.json")
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(cars[columns], predictions),
            input_example=held_rows.head(3),
            skops_trusted_types=["numpy.dtype"],  # The imputers keep the type of the column that they were fitted on.
        )


if __name__ == "__main__":
    main()
