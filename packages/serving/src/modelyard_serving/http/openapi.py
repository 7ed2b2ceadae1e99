"""The OpenAPI document of this very model: its tensors and columns by name, with the version's own example ready to be
sent. It describes; it validates nothing."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson

from modelyard_serving import __version__
from modelyard_serving.frames import decode_predict
from modelyard_serving.metadata import ServedModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import InputKind, Signature, TensorSpec

_JSON = "application/json"
_FORMATS = {Datatype.FP32: "float", Datatype.FP64: "double", Datatype.INT32: "int32", Datatype.INT64: "int64"}
_ERRORS = {
    "400": "The request is wrong; the sentence names the field, what was expected and what came.",
    "413": "The body is too large.",
    "500": "The model failed; the log has the cause under the request id.",
    "503": "Busy, stopping or not ready; Retry-After says when to retry.",
    "504": "The request timed out.",
}


def openapi(served: ServedModel, *, address: str | None = None) -> dict[str, Any]:
    """The document, of OpenAPI 3.1.

    Args:
        address: of the proxy by which the caller came: `https://models.example.com/churn`. Without one it is left out,
            and paths are those of the server that the document comes from.
    """
    signature = served.model.signature
    model = f"/v2/models/{quote(served.name, safe='')}"  # Braces would be parameters.
    paths = {
        "/predict": {"post": _predict(served)},
        f"{model}/infer": {"post": _infer(served)},
        "/health": {"get": _get("Is this model healthy?")},
        "/ping": {"get": _get("The same, where MLflow's clients ask for it.")},
        "/version": {"get": _get("The version of this server, as plain text.")},
        "/metadata": {"get": _get("Which model, version and run this is.")},
        "/metrics": {"get": _get("Prometheus metrics of all workers.")},
        "/v2": {"get": _get("The server and the protocol's extensions that it has.")},
        "/v2/health/live": {"get": _get("Does the server live?")},
        "/v2/health/ready": {"get": _get("Is the server ready for requests?")},
        model: {"get": _get("The model's tensors.")},
        f"{model}/ready": {"get": _get("Is the model ready for requests?")},
        f"{model}/config": {"get": _get("The model's configuration in Triton's terms.")},
        f"{model}/stats": {"get": _get("How often and how long the model computed.")},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": served.name,
            "version": served.version,
            "summary": f"{served.name} {served.version}, served by modelyard-serving {__version__}",
            "description": _described(signature),
        },
        **({} if address is None else {"servers": [{"url": address}]}),
        "paths": paths,
        "components": {"schemas": {"Error": _object({"error": {"type": "string"}})}},
    }


def _described(signature: Signature) -> str:
    lines = ["**Inputs**", *map(_line, signature.inputs), "", "**Outputs**", *map(_line, signature.outputs)]
    return "\n".join(lines)


def _line(spec: TensorSpec) -> str:
    kind = f", {spec.logical_type}" if spec.logical_type else ""
    optional = ", optional" if spec.optional else ""
    return f"- `{spec.name}`: {spec.datatype} {list(spec.shape)}{kind}{optional}"


def _predict(served: ServedModel) -> dict[str, Any]:
    signature = served.model.signature
    default = signature.outputs[0] if signature.outputs else None
    body = _object({"inputs": _inputs(signature)})
    response = _object({"predictions": _nested(default) if default else {"type": "array"}})
    content: dict[str, Any] = {"schema": body}
    if served.example is not None:
        content["example"] = served.example
    return _post("Predict, in the simple way.", content, response)


def _inputs(signature: Signature) -> dict[str, Any]:
    if signature.kind is InputKind.FRAME or len(signature.inputs) != 1:
        required = [spec.name for spec in signature.inputs if not spec.optional]
        return _object({spec.name: _nested(spec) for spec in signature.inputs}, required=required)
    return _nested(signature.inputs[0])


def _infer(served: ServedModel) -> dict[str, Any]:
    signature = served.model.signature
    request = _object(
        {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": _tensors(signature.inputs),
            "outputs": {"type": "array", "items": _object({"name": _names(signature.outputs)})},
        },
        required=["inputs"],
    )
    response = _object(
        {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": _tensors(signature.outputs),
        },
        required=["model_name", "outputs"],
    )
    content: dict[str, Any] = {"schema": request}
    if (inputs := _example_inputs(served)) is not None:
        content["example"] = _infer_example(inputs, signature)
    return _post("Infer, by the Open Inference Protocol.", content, response)


def _example_inputs(served: ServedModel) -> Tensors | None:
    if served.example is None:
        return None
    return decode_predict(orjson.dumps(served.example), None, served.model.signature).inputs


def _infer_example(inputs: Tensors, signature: Signature) -> dict[str, Any]:
    datatypes = {spec.name: spec.datatype for spec in signature.inputs}
    return {
        "inputs": [
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": datatypes.get(name) or Datatype.of(array.dtype),
                "data": [
                    None if isinstance(value, float) and np.isnan(value) else value for value in array.ravel().tolist()
                ],
            }
            for name, array in inputs.items()
        ]
    }


def _tensors(specs: Sequence[TensorSpec]) -> dict[str, Any]:
    tensors = [
        _object(
            {
                "name": {"const": spec.name},
                "datatype": {"const": spec.datatype},
                "shape": _shape(spec),
                "data": {"type": "array", "items": _flat_or_nested(spec)},
            }
        )
        for spec in specs
    ]
    return {"type": "array", "items": {"anyOf": tensors} if tensors else {}}


def _shape(spec: TensorSpec) -> dict[str, Any]:
    dimensions = [{"type": "integer", "minimum": 0} if size == -1 else {"const": size} for size in spec.shape]
    return {"type": "array", "prefixItems": dimensions, "minItems": len(dimensions), "maxItems": len(dimensions)}


def _flat_or_nested(spec: TensorSpec) -> dict[str, Any]:
    return _element(spec) if len(spec.shape) < 2 else {"anyOf": [_element(spec), {"type": "array"}]}


def _nested(spec: TensorSpec) -> dict[str, Any]:
    """Lists in lists, one for each dimension."""
    schema = _element(spec)
    for size in reversed(spec.shape):
        schema = {"type": "array", "items": schema}
        if size != -1:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def _element(spec: TensorSpec) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _json_type(spec.datatype)}
    if spec.datatype in _FORMATS:
        schema["format"] = _FORMATS[spec.datatype]
    if spec.logical_type == "datetime":
        schema["format"] = "date-time"
    if spec.optional:
        schema["type"] = [schema["type"], "null"]
    return schema


def _json_type(datatype: Datatype) -> str:
    kind = datatype.numpy_dtype.kind
    return {"b": "boolean", "O": "string", "f": "number"}.get(kind, "integer")


def _names(specs: Sequence[TensorSpec]) -> dict[str, Any]:
    return {"type": "string", "enum": [spec.name for spec in specs]} if specs else {"type": "string"}


def _object(properties: Mapping[str, Any], *, required: Sequence[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
    }


def _get(summary: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "OK"}}}


def _post(summary: str, content: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    error = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses: dict[str, Any] = {"200": {"description": "The response.", "content": {_JSON: {"schema": response}}}}
    responses |= {status: {"description": description, "content": error} for status, description in _ERRORS.items()}
    return {"summary": summary, "requestBody": {"required": True, "content": {_JSON: content}}, "responses": responses}
