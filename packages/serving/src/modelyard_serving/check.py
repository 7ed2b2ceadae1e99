"""`modelyard-serve --check`: load the model in this environment, predict its example, and report the result."""

import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from modelyard_serving.bundle import OpenedModel, example_inputs
from modelyard_serving.errors import InvalidInput, ServingError
from modelyard_serving.frames import encode_predictions
from modelyard_serving.loading import open_served
from modelyard_serving.metadata import ServedModel
from modelyard_serving.settings import Settings
from modelyard_serving.signature import TensorSpec

_LOST_NAME = re.compile(
    r"Can't get attribute '(?P<name>[^']+)' on <module '(?P<module>[^']+)'|"
    r"module '(?P<of>[^']+)' has no attribute '(?P<attribute>[^']+)'"
)


def check(settings: Settings) -> dict[str, Any]:
    """The report of a model, or why it cannot be served: `ok` false, `error`, and `cause` where it is known.

    A cause is what Python could not find: `module`, and `name` where the module is there and has not that name. With
    `opened` true the model is there, and cannot answer its own example; with `example_refused` true the example is at
    fault: as a caller's request, it would get a 400. The traceback goes to stderr.
    """
    try:
        served, opened = open_served(settings)
    except Exception as error:  # noqa: BLE001  # A user's model may raise anything; the report carries the error.
        return _failed(error, opened=False)
    try:
        return _describe(served, opened)
    except InvalidInput as error:
        return {**_failed(error, opened=True), "example_refused": True}
    except Exception as error:  # noqa: BLE001  # As above.
        return _failed(error, opened=True)


def write_check(path: str, report: str) -> int:
    """Check the model at `path` and write the report to a file; 0 when the model can be served."""
    found = check(Settings(path=path))
    Path(report).write_bytes(orjson.dumps(found))
    return 0 if found["ok"] else 1


def _failed(error: Exception, *, opened: bool) -> dict[str, Any]:
    if not isinstance(error, ServingError):
        traceback.print_exception(error)
    message = error.message if isinstance(error, ServingError) else f"{type(error).__name__}: {error}"
    report: dict[str, Any] = {"ok": False, "error": message, "opened": opened}
    cause = next((found for link in _chain(error) if (found := _cause(link)) is not None), None)
    return report if cause is None else {**report, "cause": cause}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cause(error: BaseException) -> dict[str, str] | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return {"module": error.name}
    if isinstance(error, AttributeError | ImportError) and (found := _LOST_NAME.search(str(error))):
        return {"module": found["module"] or found["of"], "name": found["name"] or found["attribute"]}
    return None


def _describe(served: ServedModel, opened: OpenedModel) -> dict[str, Any]:
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
