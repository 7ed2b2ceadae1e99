"""The models of the benchmark as they lie in the cache: trained once, by a process of their own."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.environments import cache_folder, torch_library

MODELS = ("logistic", "forest", "boosting", "mixed", "network")
NETWORK = "network"
_TRAINING = Path(__file__).with_name("train.py")

Rows = Sequence[Sequence[float]] | Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One model with the rows that it is asked. Rows are a matrix, or columns by name."""

    model: str
    folder: Path
    rows: Rows
    datatype: str
    answers: Sequence[Any]
    """What the process that trained it answers."""

    def first(self, count: int) -> Rows:
        """So many of the rows."""
        if isinstance(self.rows, Mapping):
            return {name: column[:count] for name, column in self.rows.items()}
        return self.rows[:count]

    @property
    def is_table(self) -> bool:
        """Whether the rows are named columns."""
        return isinstance(self.rows, Mapping)

    @property
    def mlflow_folder(self) -> Path:
        """The model as MLflow logs it."""
        return self.folder / "mlflow"

    @property
    def bundle(self) -> Path | None:
        """Our compiled bundle; None where the translation was not accepted."""
        place = self.folder / "compiled"
        return place if place.exists() else None

    @property
    def bundle_of_pickle(self) -> Path | None:
        """The bundle of the same model's pickle, compiled with an example; None as above."""
        place = self.folder / "compiled-joblib"
        return place if place.exists() else None

    @property
    def graph(self) -> Path | None:
        """The same model as skl2onnx exports it; None where nobody would export it so."""
        place = self.folder / "model.onnx"
        return place if place.exists() else None


def case(model: str) -> Case:
    """The case of a model, trained if it is not there."""
    digest = hashlib.sha256(_TRAINING.read_bytes() + _compiler_source()).hexdigest()[:12]
    folder = cache_folder() / "models" / f"{model}-{digest}"
    if not (folder / "case.json").exists():
        print(f"training {model} in {folder}", flush=True)
        environment = dict(os.environ)
        if model == NETWORK:
            environment["PYTHONPATH"] = str(torch_library())
        subprocess.run([sys.executable, str(_TRAINING), str(folder), model], check=True, env=environment)
    reported = json.loads((folder / "case.json").read_text())
    return Case(model, folder, reported["rows"], reported["datatype"], reported["answers"])


def _compiler_source() -> bytes:
    """What a compiled bundle depends on besides the training: our compiler."""
    import modelyard_serving  # noqa: PLC0415  # Only its place is wanted.

    package = Path(modelyard_serving.__file__).parent
    return b"".join(path.read_bytes() for path in sorted((package / "compile").rglob("*.py")))
