"""Trains the models of the benchmark and writes what every server loads: one MLflow folder and one pickle of the same
object, our compiled bundle where the translation proved itself, and the rows of the requests with the answers of this
process.

    python train.py FOLDER MODEL

It runs as a process of its own, so that no library of a model is in the benchmark's.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 1000
CITIES = ("Berlin", "Lagos", "Lima", "Osaka", "Turin")
PLANS = ("basic", "free", "pro")


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted model, the rows that will be asked, and its own answers to them."""

    model: Any
    rows: Any
    answers: Any


def logistic() -> Trained:
    """A scaler and a logistic regression: 30 numbers, as they come from a data frame of measurements."""
    return _fitted(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)))


def forest() -> Trained:
    """A hundred trees."""
    return _fitted(RandomForestClassifier(100, random_state=0))


def boosting() -> Trained:
    """Histogram gradient boosting, a hundred rounds."""
    trained = _fitted(HistGradientBoostingClassifier(random_state=0))
    del trained.model._feature_subsample_rng  # noqa: SLF001  # Only for fitting, and NumPy 1 cannot read NumPy 2's pickle.
    return trained


def mixed() -> Trained:
    """Numbers with missing values and text categories, through a column transformer, as most tables are."""
    rng = np.random.default_rng(0)
    count = 4 * ROWS
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, count).astype(float),
            "income": np.where(rng.random(count) < 0.1, np.nan, rng.lognormal(10, 0.5, count).round(2)),
            "tenure": rng.gamma(2.0, 3.0, count).round(3),
            "city": rng.choice(CITIES, count),
            "plan": rng.choice(PLANS, count),
        }
    )
    wanted = (frame["age"] / 90 + (frame["plan"] == "pro") - frame["tenure"] / 20 + rng.normal(0, 0.3, count)) > 0.5
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["age", "income", "tenure"]), (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"])
    )
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(frame, wanted.astype(int))
    rows = frame.dropna().head(ROWS).reset_index(drop=True)
    return Trained(pipeline, rows, pipeline.predict(rows))


def network() -> Trained:
    """A perceptron of two hidden layers in PyTorch; its answers are two logits for each row."""
    import torch  # noqa: PLC0415  # Only this model needs it.

    features, labels = load_breast_cancer(return_X_y=True)
    scaled = ((features - features.mean(0)) / features.std(0)).astype(np.float32)
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(30, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)
    )
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    inputs, targets = torch.from_numpy(scaled), torch.from_numpy(labels).long()
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs), targets).backward()
        optimizer.step()
    module.eval()
    rows = np.resize(scaled, (ROWS, 30))
    with torch.inference_mode():
        return Trained(module, rows, module(torch.from_numpy(rows)).numpy())


MODELS: dict[str, Callable[[], Trained]] = {
    "logistic": logistic,
    "forest": forest,
    "boosting": boosting,
    "mixed": mixed,
    "network": network,
}


def _fitted(model: Any) -> Trained:
    features, labels = load_breast_cancer(return_X_y=True)
    model.fit(features, labels)
    rows = np.resize(features, (ROWS, 30))
    return Trained(model, rows, model.predict(rows))


def write(folder: Path, trained: Trained) -> None:
    """All forms of one model, and its case."""
    signature = infer_signature(trained.rows, trained.answers)
    example = trained.rows[:20]
    if isinstance(trained.rows, np.ndarray) and trained.rows.dtype == np.float32:
        mlflow.pytorch.save_model(
            trained.model,
            str(folder / "mlflow"),
            signature=signature,
            input_example=example,
            serialization_format="pickle",
        )
        _write_script(folder / "model.pt", trained)
    else:
        mlflow.sklearn.save_model(
            trained.model,
            str(folder / "mlflow"),
            signature=signature,
            input_example=example,
            serialization_format="cloudpickle",
        )
        joblib.dump(trained.model, folder / "model.joblib")
        _write_other_forms(folder, trained)
    _compile(folder / "mlflow", folder / "compiled")
    rows = trained.rows
    case = {
        "rows": rows.tolist() if isinstance(rows, np.ndarray) else rows.to_dict("list"),
        "datatype": "FP32" if getattr(rows, "dtype", None) == np.float32 else "FP64",
        "answers": trained.answers.tolist(),
    }
    (folder / "case.json").write_text(json.dumps(case))


def _write_other_forms(folder: Path, trained: Trained) -> None:
    """The same model as users hand it over without MLflow: a pickle that is compiled with an example at hand, and a
    graph that skl2onnx made."""
    rows = trained.rows[:20]
    payload = {"inputs": rows.tolist() if isinstance(rows, np.ndarray) else rows.to_dict("list")}
    (folder / "example.json").write_text(json.dumps(payload))
    example = ["--example", str(folder / "example.json")]
    _compile(folder / "model.joblib", folder / "compiled-joblib", "--trust-pickle", *example)
    if isinstance(rows, np.ndarray):
        graph = to_onnx(
            trained.model,
            initial_types=[("input", DoubleTensorType([None, rows.shape[1]]))],
            options={"zipmap": False},
        )
        (folder / "model.onnx").write_bytes(graph.SerializeToString())


def _compile(model: Path, target: Path, *options: str) -> None:
    """Our bundle, where the translation proves itself."""
    compiler = Path(sys.executable).with_name("modelyard-compile")
    command = [str(compiler), str(model), "--output", str(target), "--name", "model", *options]
    if subprocess.run(command, check=False).returncode == 2:
        raise SystemExit(2)


def _write_script(path: Path, trained: Trained) -> None:
    import torch  # noqa: PLC0415  # As above.

    torch.jit.trace(trained.model, torch.from_numpy(trained.rows[:2])).save(str(path))


if __name__ == "__main__":
    place, name = sys.argv[1:]
    Path(place).mkdir(parents=True)
    write(Path(place), MODELS[name]())
