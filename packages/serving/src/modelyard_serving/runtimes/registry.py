"""The runtimes by the name that `bundle.json` gives them. A runtime's module is imported only when it is looked up."""

import importlib
from typing import cast

from modelyard_serving.errors import InvalidModel
from modelyard_serving.runtimes.base import Runtime
from modelyard_serving.runtimes.devices import CPU, refuse_other_than_cpu

_RUNTIMES = {
    "catboost": "modelyard_serving.runtimes.catboost:CatboostRuntime",
    "lightgbm": "modelyard_serving.runtimes.lightgbm:LightgbmRuntime",
    "onnx": "modelyard_serving.runtimes.onnx:OnnxRuntime",
    "pyfunc": "modelyard_serving.runtimes.pyfunc:PyfuncRuntime",
    "python": "modelyard_serving.runtimes.python:PythonRuntime",
    "sklearn": "modelyard_serving.runtimes.sklearn:SklearnRuntime",
    "torch": "modelyard_serving.runtimes.torch:TorchRuntime",
    "xgboost": "modelyard_serving.runtimes.xgboost:XgboostRuntime",
}


_ON_DEVICES = frozenset({"onnx", "torch"})
"""Runtimes whose models may compute on a GPU."""


def runtime(name: str, *, device: str = CPU) -> Runtime:
    """The runtime of this name, for models on a device.

    Raises:
        InvalidModel: there is no runtime of this name, or its models compute on another device only.
    """
    if name not in _RUNTIMES:
        raise InvalidModel(f"there is no runtime {name!r}; there are: {', '.join(sorted(_RUNTIMES))}")
    module, _, attribute = _RUNTIMES[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if name in _ON_DEVICES:
        return cast("Runtime", found(device))
    refuse_other_than_cpu(device, name)
    return cast("Runtime", found())
