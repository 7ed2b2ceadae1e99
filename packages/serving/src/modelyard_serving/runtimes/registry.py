"""The runtimes by the name that `bundle.json` gives them. A runtime's module is imported only when it is looked up."""

import importlib
from typing import cast

from modelyard_serving.errors import InvalidModel
from modelyard_serving.runtimes.base import Runtime

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


def runtime(name: str) -> Runtime:
    """The runtime of this name. Raises InvalidModel for a name that there is none of."""
    if name not in _RUNTIMES:
        raise InvalidModel(f"there is no runtime {name!r}; there are: {', '.join(sorted(_RUNTIMES))}")
    module, _, attribute = _RUNTIMES[name].partition(":")
    return cast("Runtime", getattr(importlib.import_module(module), attribute)())
