"""`modelyard-serve --check`: load the model in this environment, predict its example, tell what came of it."""

import traceback
from typing import Any

import orjson

from modelyard_serving.bundle import example_inputs
from modelyard_serving.errors import ServingError
from modelyard_serving.frames import encode_predictions
from modelyard_serving.loading import open_served
from modelyard_serving.settings import Settings
from modelyard_serving.signature import TensorSpec


def check(settings: Settings) -> dict[str, Any]:
    """What the model is and gives, or why it cannot be served (`ok` false, `error`). The traceback goes to stderr."""
    try:
        return _describe(settings)
    except ServingError as error:
        return {"ok": False, "error": error.message}
    except Exception as error:  # noqa: BLE001  # A user's model may raise anything, and this is where it is told.
        traceback.print_exc()
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def _describe(settings: Settings) -> dict[str, Any]:
    served, opened = open_served(settings)
    signature = served.model.signature
    report: dict[str, Any] = {
        "ok": True,
        "model": served.name,
        "version": served.version,
        "runtime": served.model.platform,
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
    }
    example = example_inputs(opened)
    if example is not None:
        report["example_outputs"] = orjson.loads(encode_predictions(served.model.predict(example), signature))
    served.model.close()
    return report


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
