"""Fits the breast-cancer example and writes its MLflow folder, its compiled bundle, and a file of many rows.

    python -m benchmarks.batch.train FOLDER ROWS

It runs as a process of its own, so that no library of a model is in the benchmark's.
"""

import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main(folder: Path, rows: int) -> None:
    """Write everything below the folder."""
    data = load_breast_cancer(as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=500)).fit(data.data, data.target)
    mlflow.sklearn.save_model(
        model,
        str(folder / "mlflow"),
        signature=infer_signature(data.data, model.predict(data.data)),
        input_example=data.data.head(3),
        pip_requirements=["scikit-learn"],
    )
    compiler = Path(sys.executable).with_name("modelyard-compile")
    command = [str(compiler), str(folder / "mlflow"), "--output", str(folder / "compiled"), "--name", "breast-cancer"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    many = data.data.iloc[np.resize(np.arange(len(data.data)), rows)].reset_index(drop=True)
    many.insert(0, "patient", pd.RangeIndex(rows))
    many.to_parquet(folder / "rows.parquet", row_group_size=1 << 17)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
