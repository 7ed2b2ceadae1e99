"""The model in the process of a peer: loaded once, asked with an array or a table. Every peer computes with this, so
what differs between them is the server alone."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = "MODELYARD_BENCH_MODEL"
"""The environment variable that names the model's folder."""


def load() -> Callable[[Any], Any]:
    """What predicts rows: an array of them, or a data frame. Gives an array."""
    folder = Path(os.environ[FOLDER])
    script = folder / "model.pt"
    if script.exists():
        return _network(script)
    import joblib  # noqa: PLC0415  # A network does not need it.

    estimator = joblib.load(folder / "model.joblib")
    predict: Callable[[Any], Any] = estimator.predict
    return predict


def rows(sent: Mapping[str, Sequence[Any]] | Sequence[Sequence[float]]) -> Any:
    """The rows of a request: columns become a data frame, a list of lists an array."""
    if not isinstance(sent, Mapping):
        return np.asarray(sent)
    import pandas as pd  # noqa: PLC0415  # Only a table needs it.

    return pd.DataFrame(sent)


def _network(script: Path) -> Callable[[Any], Any]:
    import torch  # noqa: PLC0415  # Only a network needs it.

    torch.set_num_threads(1)
    module = torch.jit.load(str(script)).eval()

    def predict(values: Any) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(np.array(values, np.float32))).numpy()

    return predict
