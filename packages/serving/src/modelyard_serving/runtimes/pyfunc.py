"""Any model that only MLflow itself can load, through `mlflow.pyfunc`. The one runtime that imports MLflow."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard_serving.errors import InvalidInput, InvalidModel, MissingExtra
from modelyard_serving.mlmodel import MlflowModel
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.pandas_frame import FrameBuilder
from modelyard_serving.runtimes.results import named_outputs
from modelyard_serving.signature import DEFAULT_INPUT, InputKind, Signature


class PyfuncModel:
    """A model behind `mlflow.pyfunc.PyFuncModel.predict`, which enforces MLflow's own signature once more."""

    platform = "mlflow_pyfunc"
    is_thread_safe = False

    def __init__(self, loaded: Any, *, folder: MlflowModel, invalid_input: type[Exception]) -> None:
        """`invalid_input`: the exception with which MLflow refuses an input."""
        self._loaded = loaded
        self._invalid_input = invalid_input
        declared = folder.signature
        self.signature = declared.signature if declared else Signature(inputs=(), outputs=(), is_declared=False)
        self._builder = FrameBuilder(
            self.signature.inputs if self.signature.kind is InputKind.FRAME else (),
            labels=declared.column_labels if declared and self.signature.kind is InputKind.FRAME else (),
            fill_absent=False,
        )

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,  # noqa: ARG002  # A Python model computes all of its outputs at once.
        parameters: Mapping[str, Any] | None = None,
    ) -> Tensors:
        params = {name: value for name, value in (parameters or {}).items() if name in self.signature.params}
        try:
            prediction = self._loaded.predict(self._data(inputs), params=params or None)
        except self._invalid_input as error:
            if "enforce schema" in str(error):
                raise InvalidInput(f"the model's signature refuses the input: {error}") from error
            raise
        return named_outputs(prediction, self.signature.outputs)

    def close(self) -> None:
        self._loaded = None

    def _data(self, inputs: Tensors) -> Any:
        if self.signature.kind is InputKind.FRAME or (not self.signature.inputs and set(inputs) != {DEFAULT_INPUT}):
            return self._builder.build(inputs)
        if set(inputs) == {DEFAULT_INPUT}:
            return inputs[DEFAULT_INPUT]
        return dict(inputs)


class PyfuncRuntime:
    """Reads a folder with MLflow's python_function flavor."""

    name = "pyfunc"
    extra = "mlflow"

    def load(self, path: Path) -> Model:
        folder = MlflowModel.read(path)
        folder.flavor("python_function")
        try:
            pyfunc = importlib.import_module("mlflow.pyfunc")
            exceptions = importlib.import_module("mlflow.exceptions")
        except ImportError as error:
            raise MissingExtra(extra=self.extra, needed_for="a model that only MLflow can load") from error
        try:
            loaded = pyfunc.load_model(str(path))
        except ModuleNotFoundError as error:
            raise InvalidModel(f"the model needs the module {error.name!r}, which is not installed here") from error
        return PyfuncModel(loaded, folder=folder, invalid_input=exceptions.MlflowException)
