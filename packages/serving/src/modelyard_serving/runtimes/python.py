"""A Python class of the user's, named as `module:Class`. It is code that the operator names, so it is trusted."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard_serving.errors import InvalidModel
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.results import as_tensor
from modelyard_serving.signature import Signature
from modelyard_serving.user_model import UserModel


class PythonModel:
    """A user's model behind the server's interface."""

    platform = "modelyard_python"

    def __init__(self, model: UserModel) -> None:
        self._model = model
        self.signature = model.signature
        self.is_thread_safe = model.is_thread_safe
        self.example = model.example

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Tensors:
        outputs_by_name = self._model.predict(inputs, {**self.signature.params, **(parameters or {})})
        specs = {spec.name: spec for spec in self.signature.outputs}
        requested = [spec.name for spec in self.signature.default_outputs] if outputs is None else outputs
        if missing := [name for name in requested if name not in outputs_by_name]:
            raise LookupError(f"{type(self._model).__name__}.predict gave no output {missing[0]!r}")
        return {name: as_tensor(np.asarray(outputs_by_name[name]), specs[name]) for name in requested}

    def close(self) -> None:
        self._model.close()


class PythonRuntime:
    """Imports a class and makes one instance of it."""

    name = "python"
    extra = None

    def load(self, path: Path) -> Model:
        """`path` is `module:Class`; the module is looked for in the working directory first."""
        module_name, _, class_name = str(path).partition(":")
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
        try:
            model_class = getattr(importlib.import_module(module_name), class_name, None)
        except ModuleNotFoundError as error:
            raise InvalidModel(f"{path}: there is no Python module {error.name!r}") from error
        if not isinstance(model_class, type) or not issubclass(model_class, UserModel):
            raise InvalidModel(f"{path}: expected a subclass of modelyard_serving.user_model.UserModel")
        model = model_class()
        if not isinstance(getattr(model, "signature", None), Signature):
            raise InvalidModel(f"{path}: the class declares no signature")
        model.load()
        return PythonModel(model)
