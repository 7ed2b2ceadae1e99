"""BentoML: one service, one worker. A numeric model takes an array, a table a data frame, by BentoML's own types."""

import os
from pathlib import Path

import bentoml
import numpy as np
import pandas as pd
import predictor

IS_TABLE = '"rows": {' in (Path(os.environ[predictor.FOLDER]) / "case.json").open().read(20)


class _Loaded:
    def __init__(self) -> None:
        self.model = predictor.load()


class Arrays(_Loaded):
    """For numeric models."""

    @bentoml.api  # type: ignore[untyped-decorator]  # Not installed here: it has an environment of its own.
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The model's answer to each row."""
        answers: np.ndarray = self.model(rows)
        return answers


class Tables(_Loaded):
    """For tables."""

    @bentoml.api  # type: ignore[untyped-decorator]  # Not installed here: it has an environment of its own.
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """The model's answer to each row."""
        answers: np.ndarray = self.model(rows)
        return answers


Model = bentoml.service(
    name="model", workers=1, resources={"cpu": "1"}, logging={"access": {"enabled": False}}, traffic={"timeout": 60}
)(Tables if IS_TABLE else Arrays)
