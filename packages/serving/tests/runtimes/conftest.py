"""Real models on real data, saved by MLflow itself, and what MLflow's own loader answers for them."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from modelyard_serving.bundle import OpenedModel, open_model
from modelyard_serving.frames import decode_predict

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # The imports of MLflow and statsmodels warn of what their dependencies deprecate.
    import mlflow.pyfunc
    import pandas as pd
    import statsmodels.api as sm


@pytest.fixture(scope="session")
def save_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Saves a model with a flavor of MLflow's, without the seconds that it takes to infer its requirements."""

    def save(flavor: Any, model: Any, *, name: str = "model", **options: Any) -> Path:
        path = tmp_path_factory.mktemp("mlflow") / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flavor.save_model(model, path=str(path), pip_requirements=[], **options)
        return path

    return save


@pytest.fixture(scope="session")
def save_sklearn(save_model: Callable[..., Path]) -> Callable[..., Path]:
    """The same for the sklearn flavor, as cloudpickle: its default, skops, refuses trees unless they are trusted."""

    def save(model: Any, **options: Any) -> Path:
        return save_model(mlflow.sklearn, model, **{"serialization_format": "cloudpickle", **options})

    return save


@pytest.fixture(scope="session")
def infer_signature() -> Callable[..., Any]:
    """MLflow's own, which takes a warning that is raised as an error for a frame that it cannot read."""

    def infer(*args: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mlflow.models.infer_signature(*args, **options)

    return infer


@pytest.fixture(scope="session")
def opened() -> Callable[..., OpenedModel]:
    """Opens a path as the server does."""

    def open_path(path: Path, **options: Any) -> OpenedModel:
        return open_model(str(path), **{"name": None, "version": None, "trust_pickle": False, **options})

    return open_path


@pytest.fixture(scope="session")
def answer() -> Callable[..., Any]:
    """What an opened model says to a JSON payload, as `/predict` asks it."""

    def ask(model: OpenedModel, outputs: list[str] | None = None, **fields: Any) -> Any:
        if isinstance(fields.get("inputs"), np.ndarray):
            fields["inputs"] = np.ascontiguousarray(fields["inputs"])
        body = orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)
        request = decode_predict(body, None, model.model.signature)
        return model.model.predict(request.inputs, outputs=outputs, parameters=request.parameters)

    return ask


@pytest.fixture(scope="session")
def mlflow_answer() -> Callable[..., Any]:
    """What MLflow's own loader of a folder says to the same rows."""

    def ask(path: Path, data: Any, params: dict[str, Any] | None = None) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(mlflow.pyfunc.load_model(str(path)).predict(data, params=params))

    return ask


@pytest.fixture(scope="session")
def fair() -> pd.DataFrame:
    """The Fair survey of affairs (statsmodels) with its codes as words, and values missing here and there."""
    data = sm.datasets.fair.load_pandas().data.iloc[::20].reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "age": data["age"].mask(data.index % 11 == 3),
            "children": data["children"].astype("int64"),
            "educ": data["educ"].astype("float32"),
            "religious": data["religious"].map({1: "not", 2: "mildly", 3: "fairly", 4: "strongly"}),
            "occupation": data["occupation"].map(lambda code: f"group {code:.0f}").mask(data.index % 7 == 2),
            "is_long_married": data["yrs_married"] > 9,
        }
    )
    return frame.assign(target=(data["affairs"] > 0).astype("int64"))


@pytest.fixture(scope="session")
def anes96() -> pd.DataFrame:
    """The American National Election Study of 1996 (statsmodels): ten numbers and the party identification."""
    frame: pd.DataFrame = sm.datasets.anes96.load_pandas().data
    return frame
