"""The application that one writes by hand: FastAPI, a pydantic model for the body, one route."""

from typing import Any

import predictor
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
predict = predictor.load()


class Table(BaseModel):
    """The body: rows of numbers, or columns by name."""

    rows: list[list[float]] | dict[str, list[float] | list[str]]


class Predictions(BaseModel):
    """The answer."""

    predictions: list[Any]


@app.post("/predict")
def predict_rows(table: Table) -> Predictions:
    """The model's answer to each row."""
    return Predictions(predictions=predict(predictor.rows(table.rows)).tolist())
