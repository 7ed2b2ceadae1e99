"""The fake server's REST side as one pure function from a request to a reply, and the replies that defects spoil."""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

import numpy as np
from fake_model import (
    DTYPES,
    MODELS,
    VERSIONS,
    FakeModel,
    Inference,
    Refused,
    Spec,
    Tensor,
    check_head,
    find_model,
    from_raw,
    run,
    to_raw,
)

EXTENSIONS = [
    "binary_tensor_data", "classification", "model_configuration", "model_repository", "schedule_policy", "statistics",
    "logging",
]  # fmt: skip
STATUS = {"invalid": 400, "not_found": 404, "method": 405, "too_large": 413, "encoding": 415}
LIMIT = 64 << 20
HEADER = "inference-header-content-length"
MODEL_PATH = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<verb>[a-z]+))?")
REPOSITORY_PATH = re.compile(r"/v2/repository/models/[^/]+/(?:load|unload)")


@dataclass(frozen=True)
class Request:
    """An HTTP request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An HTTP answer before it is encoded; `route` says which call it answers."""

    head: Any
    route: str
    status: int = 200
    blobs: tuple[bytes, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeRest:
    """Answers requests; `defects` names what it does wrong."""

    def __init__(self, defects: frozenset[str]) -> None:
        self.defects = defects
        self.counts = dict.fromkeys(MODELS, (0, 0))
        self.last_outputs: list[Tensor] = []

    def answer(self, request: Request) -> Reply:
        """The reply to any request."""
        route = _route(request)
        try:
            reply = self._answer(request, route)
        except Refused as refusal:
            reply = self._refusal(refusal, request, route)
        except RecursionError:
            reply = self._refusal(Refused("deep JSON", "the JSON is nested too deep"), request, route)
        for defect in self.defects & SPOILERS.keys():
            reply = SPOILERS[defect](reply)
        return reply

    def _refusal(self, refusal: Refused, request: Request, route: str) -> Reply:
        if f"accepts {refusal.what}" not in self.defects:
            return Reply({"error": refusal.message}, route, STATUS[refusal.kind])
        match = MODEL_PATH.fullmatch(request.path)
        model = MODELS.get(unquote(match["model"]).lower() if match else "", MODELS["scale"])
        if route != "infer":
            return Reply(_metadata(model) | {"ready": True, "input": [], "error": "no"}, route)
        return Reply(_infer_head(model, None, {}) | {"outputs": [_json(t) for t in model.any_answer().values()]}, route)

    def _answer(self, request: Request, route: str) -> Reply:
        simple: dict[str, Any] = {
            "live": {"live": True},
            "ready": {"live": True, "ready": True},
            "server": {"name": "fake", "version": "1.0", "extensions": EXTENSIONS},
            "index": [{"name": name, "version": VERSIONS[-1], "state": "READY"} for name in MODELS],
            "logging": {"log_info": True},
            "all-stats": {"model_stats": [self._stats(name) for name in MODELS]},
        }
        if route in simple:
            return Reply(simple[route], route)
        if route in {"unknown", "repository"}:
            raise Refused("unknown paths", f"no path '{request.path[:80]}'", "not_found")
        if route == "method":
            raise Refused("wrong methods", f"{request.method} is not for this path", "method")
        return self._answer_of_model(request, route)

    def _answer_of_model(self, request: Request, route: str) -> Reply:
        match = MODEL_PATH.fullmatch(request.path)
        assert match is not None
        quoted = match["model"] if "keeps names quoted" in self.defects else unquote(match["model"])
        version = match["version"] if "ignores versions" not in self.defects else None
        model = find_model(quoted, version)
        if route == "infer":
            return self._infer(model, version, request)
        answers: dict[str, Callable[[], Any]] = {
            "model": lambda: _metadata(model),
            "model-ready": lambda: {"name": model.name, "ready": True},
            "config": lambda: _config(model),
            "stats": lambda: {"model_stats": [self._stats(model.name)]},
        }
        return Reply(answers[route](), route)

    def _stats(self, name: str) -> dict[str, Any]:
        rows, calls = self.counts[name]
        durations = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")
        return {
            "name": name,
            "version": VERSIONS[-1],
            "inference_count": rows,
            "execution_count": calls,
            "inference_stats": {each: {"count": calls, "ns": calls * 1000} for each in durations},
        }

    def _infer(self, model: FakeModel, version: str | None, request: Request) -> Reply:
        head, blob = self._parts(request)
        if request.headers.get(HEADER) == "0":
            head, blob = _raw_head(model, request.body), request.body
        _check_request(head)
        self._refuse_good(head, request)
        tensors, left = [], blob
        for item in head["inputs"]:
            tensor, left = self._tensor(item, left)
            tensors.append(tensor)
        if left:
            raise Refused("leftover bytes", f"unexpected additional input data, {len(left)} bytes")
        requested = head.get("outputs") or []
        if "fails for what is not finite" in self.defects and not all(_is_finite(tensor) for tensor in tensors):
            return Reply({"error": "internal error"}, "infer", 500)
        actual = self._spoilt(run(model, Inference(tensors, [item["name"] for item in requested])), head)
        self._count(model, tensors)
        is_binary = bool(head.get("parameters", {}).get("binary_data_output"))
        if request.headers.get(HEADER) == "0":
            is_binary = True
        return self._reply(_infer_head(model, version, head), actual, requested, is_binary=is_binary)

    def _refuse_good(self, head: dict[str, Any], request: Request) -> None:
        """Refuse good requests, where this is the defect."""
        kind = request.headers.get("content-type")
        outputs = head.get("outputs") or []
        data = [value for item in head["inputs"] if isinstance(item, dict) for value in item.get("data") or []]
        holds = {
            "refuses parameters of requests": bool(head.get("parameters")),
            "refuses parameters of inputs": any("modelyard" in str(item) for item in head["inputs"]),
            "refuses parameters of outputs": any(item.get("parameters") for item in outputs),
            "refuses unknown fields": "modelyard_unknown" in head,
            "wants all inputs binary": HEADER in request.headers and bool(data),
            "refuses whole numbers for floats": type(data[0] if data else None) is int,
            "refuses charsets": "charset" in (kind or ""),
            "refuses a missing content type": kind is None and HEADER not in request.headers,
        }
        for defect, is_met in holds.items():
            if is_met and defect in self.defects:
                raise Refused("good requests", "not this one")

    def _spoilt(self, outputs: list[Tensor], head: dict[str, Any]) -> list[Tensor]:
        """Other outputs than the model's, where this is the defect."""
        if "swaps rows" in self.defects:
            return [replace(tensor, data=tensor.data[::-1]) for tensor in outputs]
        if "answers only the first row" in self.defects:
            return [_first_row(tensor) for tensor in outputs]
        if "mixes callers up" in self.defects and "id" in head:
            outputs, self.last_outputs = self.last_outputs or outputs, outputs
        return outputs

    def _count(self, model: FakeModel, tensors: list[Tensor]) -> None:
        rows, calls = self.counts[model.name]
        step = 0 if "counts nothing" in self.defects else tensors[0].shape[0]
        self.counts[model.name] = (rows + step, calls + 1)

    def _reply(self, head: dict[str, Any], actual: list[Tensor], requested: list[Any], *, is_binary: bool) -> Reply:
        asked = {item["name"]: item.get("parameters", {}) for item in requested}
        outputs, blobs = [], []
        for tensor in actual:
            parameters = asked.get(tensor.name, {})
            if "classification" in parameters:
                tensor = _classes(tensor, parameters["classification"])  # noqa: PLW2901
            flag = parameters.get("binary_data", is_binary)
            if "prefers binary_data_output" in self.defects:
                flag = is_binary or flag
            if "never answers in binary" in self.defects:
                flag = False
            if "always answers in binary" in self.defects:
                flag = True
            outputs.append(_binary(tensor) if flag else _json(tensor))
            blobs += [to_raw(tensor)] if flag else []
        return Reply(head | {"outputs": outputs}, "infer", 200, tuple(blobs))

    def _parts(self, request: Request) -> tuple[Any, bytes]:
        body = request.body if "knows no compression" in self.defects else _decoded(request)
        length = request.headers.get(HEADER)
        if length is None:
            return _parsed(body), b""
        if "knows no binary data" in self.defects:
            raise Refused("binary data", "no JSON")
        if "wants a content type" in self.defects and "content-type" not in request.headers:
            raise Refused("no content type", "a Content-Type is needed")
        if not length.isdigit() or int(length) > len(body):
            raise Refused("odd header lengths", f"{HEADER} is {length[:40]!r}, the body has {len(body)} bytes")
        if length == "0":
            return {}, b""
        if "wants binary data only" in self.defects and int(length) == len(body):
            raise Refused("no blobs", "binary data is needed")
        return _parsed(body[: int(length)], "cut JSON"), body[int(length) :]

    def _tensor(self, item: Any, blobs: bytes) -> tuple[Tensor, bytes]:
        if not isinstance(item, dict):
            raise Refused("inputs of another kind", "an input is an object")
        if "name" not in item:
            raise Refused("unnamed inputs", "an input needs a name")
        shape = check_head(item["name"], item.get("datatype"), item.get("shape"))
        name, datatype = item["name"], item["datatype"]
        _check_parameters(item.get("parameters", {}))
        if "binary_data_size" not in item.get("parameters", {}):
            return self._from_json(name, datatype, shape, item), blobs
        size = item["parameters"]["binary_data_size"]
        if type(size) is not int or size < 0:
            raise Refused("odd sizes", f"binary_data_size is {size!r}")
        if "data" in item:
            raise Refused("data twice", f"input '{name}' has data and binary_data_size")
        if size > len(blobs):
            raise Refused("missing bytes", f"expecting {size - len(blobs)} additional bytes")
        tensor = from_raw(name, datatype, shape, blobs[:size])
        if "reads big-endian" in self.defects and datatype != "BYTES":
            tensor = replace(tensor, data=tensor.data.byteswap())
        return tensor, blobs[size:]

    def _from_json(self, name: str, datatype: str, shape: tuple[int, ...], item: dict[str, Any]) -> Tensor:
        tensor = _from_json(name, datatype, shape, item)
        if "reads nested data backwards" in self.defects and isinstance(item["data"][0], list):
            return replace(tensor, data=tensor.data[::-1])
        return tensor


def encoded(reply: Reply, request: Request, defects: frozenset[str]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body on the wire."""
    head = b"" if reply.head is None else json.dumps(reply.head).encode()
    headers = {"Content-Type": "application/json"}
    if reply.blobs:
        headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    headers |= reply.headers
    body = b"".join([head, *reply.blobs])
    accepted = request.headers.get("accept-encoding", "")
    for encoding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        if encoding in accepted and f"never packs {encoding}" not in defects:
            return reply.status, headers | {"Content-Encoding": encoding}, pack(body)
    return reply.status, {name: value for name, value in headers.items() if value}, body


def _route(request: Request) -> str:
    fixed = {
        ("GET", "/v2"): "server",
        ("GET", "/v2/health/live"): "live",
        ("GET", "/v2/health/ready"): "ready",
        ("GET", "/v2/logging"): "logging",
        ("GET", "/v2/models/stats"): "all-stats",
        ("POST", "/v2/repository/index"): "index",
    }
    if (request.method, request.path) in fixed:
        return fixed[request.method, request.path]
    if REPOSITORY_PATH.fullmatch(request.path):
        return "repository"
    match = MODEL_PATH.fullmatch(request.path)
    routes = {None: "model", "ready": "model-ready", "config": "config", "stats": "stats", "infer": "infer"}
    if match is None or match["verb"] not in routes:
        return "unknown"
    return routes[match["verb"]] if request.method == ("POST" if match["verb"] == "infer" else "GET") else "method"


def _parsed(body: bytes, what: str = "malformed JSON") -> Any:
    if not body:
        raise Refused("empty bodies", "the body is empty")
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise Refused("other encodings", "the body is not UTF-8") from exc
    try:
        return json.loads(text)
    except ValueError as exc:
        raise Refused(what, f"the body is not JSON: {exc}") from exc


def _decoded(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding")
    if encoding is None:
        return request.body
    if encoding not in {"gzip", "deflate"}:
        raise Refused("unknown content encodings", "only gzip and deflate are known", "encoding")
    unpacker = zlib.decompressobj(wbits=31 if encoding == "gzip" else 15)
    try:
        body = unpacker.decompress(request.body, LIMIT)
    except zlib.error as exc:
        raise Refused("corrupt bodies", f"the body is no {encoding}") from exc
    if unpacker.unconsumed_tail:
        raise Refused("bombs", f"the body unpacks to more than {LIMIT} bytes", "too_large")
    if not unpacker.eof:
        raise Refused("corrupt bodies", f"the body is no whole {encoding}")
    return body


def _check_request(head: Any) -> None:
    if not isinstance(head, dict):
        raise Refused("bodies of another kind", "the body must be an object")
    inputs, outputs = head.get("inputs"), head.get("outputs", [])
    if "inputs" not in head:
        raise Refused("requests without inputs", "inputs are missing")
    if not isinstance(inputs, list) or not inputs:
        raise Refused("inputs of another kind", "inputs must be a list")
    if not isinstance(outputs, list) or not all(isinstance(item, dict) for item in outputs):
        raise Refused("outputs of another kind", "outputs must be a list of objects")
    if not all(isinstance(item.get("name"), str) for item in outputs):
        raise Refused("unnamed outputs", "a requested output needs a name")
    if not isinstance(head.get("id", ""), str):
        raise Refused("ids of another kind", "the id must be a string")
    for holder in (head, *outputs):
        _check_parameters(holder.get("parameters", {}))


def _check_parameters(parameters: Any) -> None:
    if not isinstance(parameters, dict):
        raise Refused("parameters of another kind", "parameters must be an object")
    for name in ("priority", "timeout"):
        value = parameters.get(name, 0)
        if type(value) is not int or value < 0:
            raise Refused("odd schedules", f"{name} must be an integer >= 0")


def _raw_head(model: FakeModel, body: bytes) -> dict[str, Any]:
    if len(model.inputs) > 1:
        raise Refused("raw requests of several inputs", "a raw request is for one input")
    spec = model.inputs[0]
    row = int(np.prod(spec.shape[1:])) * np.dtype(DTYPES[spec.datatype]).itemsize
    if len(body) != row:
        raise Refused("raw requests of a wrong size", f"{row} bytes expected, {len(body)} came")
    shape = [1, *spec.shape[1:]]
    parameters = {"binary_data_size": len(body)}
    return {"inputs": [{"name": spec.name, "datatype": spec.datatype, "shape": shape, "parameters": parameters}]}


def _from_json(name: str, datatype: str, shape: tuple[int, ...], item: dict[str, Any]) -> Tensor:
    if "data" not in item or not isinstance(item["data"], list):
        raise Refused("missing data", f"input '{name}' needs data")
    if datatype == "FP16":
        raise Refused("half precision", "FP16 is for binary data")
    flat = _flat(name, item["data"], shape)
    count = int(np.prod(shape, dtype=object))
    if len(flat) != count:
        what = "too few elements" if len(flat) < count else "too many elements"
        raise Refused(what, f"input '{name}': {count} elements expected, {len(flat)} came")
    for value in flat:
        _check_element(name, datatype, value)
    data = np.empty(count, dtype=object)
    data[:] = [value.encode() for value in flat] if datatype == "BYTES" else flat
    with np.errstate(over="ignore"):
        return Tensor(name, datatype, shape, data if datatype == "BYTES" else data.astype(DTYPES[datatype]))


def _flat(name: str, data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if not any(isinstance(value, list) for value in data):
        return data
    try:
        array = np.array(data, dtype=object)
    except ValueError as exc:
        raise Refused("ragged data", f"input '{name}' is ragged") from exc
    if any(isinstance(value, list) for value in array.reshape(-1)):
        raise Refused("ragged data", f"input '{name}' is ragged")
    if array.shape != shape:
        raise Refused("other structures", f"input '{name}' is nested otherwise than its shape")
    return list(array.reshape(-1))


def _check_element(name: str, datatype: str, value: Any) -> None:
    reported = f"input '{name}' is of {datatype}, {value!r:.40} came"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if datatype == "BYTES":
        if not isinstance(value, str):
            raise Refused("numbers for text", reported)
    elif not is_number:
        raise Refused("text for numbers" if isinstance(value, str) else "odd elements", reported)
    elif datatype[0] in "IU":
        limits = np.iinfo(np.dtype(DTYPES[datatype]))
        if type(value) is not int:
            raise Refused("fractions for integers", reported)
        if not limits.min <= value <= limits.max:
            raise Refused("integers out of range", reported)


def _first_row(tensor: Tensor) -> Tensor:
    width = int(np.prod(tensor.shape[1:]))
    return replace(tensor, shape=(1, *tensor.shape[1:]), data=tensor.data[:width])


def _is_finite(tensor: Tensor) -> bool:
    return tensor.datatype == "BYTES" or bool(np.isfinite(tensor.data).all())


def _classes(tensor: Tensor, count: int) -> Tensor:
    rows = tensor.data.reshape(tensor.shape)
    best = [[f"{row[i]:f}:{i}".encode() for i in np.argsort(-row)[:count]] for row in rows]
    data = np.empty(len(best) * count, dtype=object)
    data[:] = [value for row in best for value in row]
    return Tensor(tensor.name, "BYTES", (len(best), count), data)


def _infer_head(model: FakeModel, version: str | None, request: dict[str, Any]) -> dict[str, Any]:
    head = {"model_name": model.name, "model_version": version or VERSIONS[-1]}
    return head | ({"id": request["id"]} if "id" in request else {})


def _json(tensor: Tensor) -> dict[str, Any]:
    data = [value.decode() for value in tensor.data] if tensor.datatype == "BYTES" else tensor.data.tolist()
    flat = np.array(data, dtype=object).reshape(-1).tolist()
    flat = [None if isinstance(value, float) and not np.isfinite(value) else value for value in flat]
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape), "data": flat}


def _binary(tensor: Tensor) -> dict[str, Any]:
    head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    return head | {"parameters": {"binary_data_size": len(to_raw(tensor))}}


def _metadata(model: FakeModel) -> dict[str, Any]:
    def reported(specs: tuple[Spec, ...]) -> list[dict[str, Any]]:
        return [{"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)} for spec in specs]

    head = {"name": model.name, "versions": list(VERSIONS), "platform": "fake_echo"}
    return head | {"inputs": reported(model.inputs), "outputs": reported(model.outputs)}


def _config(model: FakeModel) -> dict[str, Any]:
    def reported(specs: tuple[Spec, ...]) -> list[dict[str, Any]]:
        types = {"BYTES": "TYPE_STRING"}
        return [{"name": s.name, "data_type": types.get(s.datatype, f"TYPE_{s.datatype}")} for s in specs]

    return {"name": model.name, "max_batch_size": 8, "input": reported(model.inputs), "output": reported(model.outputs)}


def _on(route: str, change: Callable[[Reply], Reply]) -> Callable[[Reply], Reply]:
    """A defect of one route's good answers."""
    return lambda reply: change(reply) if reply.route == route and reply.status == 200 else reply


def _on_errors(change: Callable[[Reply], Reply]) -> Callable[[Reply], Reply]:
    return lambda reply: change(reply) if reply.status >= 400 else reply


def _head(**changes: Any) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, head={**reply.head, **changes})


def _without(name: str) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, head={key: value for key, value in reply.head.items() if key != name})


def _first_output(**changes: Any) -> Callable[[Reply], Reply]:
    def change(reply: Reply) -> Reply:
        first, *rest = reply.head["outputs"]
        return replace(reply, head={**reply.head, "outputs": [{**first, **changes}, *rest]})

    return change


def _status(status: int) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, status=status)


SPOILERS: dict[str, Callable[[Reply], Reply]] = {
    "is not live": _on("live", _status(503)),
    "is live without a body": _on("live", lambda reply: replace(reply, head=None)),
    "is not ready": _on("ready", _status(503)),
    "is ready without a body": _on("ready", lambda reply: replace(reply, head=None)),
    "has no ready model": _on("model-ready", _status(400)),
    "does not name the ready model": _on("model-ready", _without("name")),
    "tells no server version": _on("server", _without("version")),
    "tells an extension as an object": _on("server", _head(extensions=[{"name": "statistics"}])),
    "tells no binary extension": _on("server", _head(extensions=["statistics"])),
    "tells metadata as text": _on("server", lambda reply: replace(reply, headers={"Content-Type": "text/plain"})),
    "tells no platform": _on("model", _without("platform")),
    "tells null for versions": _on("model", _head(versions=None)),
    "tells versions as numbers": _on("model", _head(versions=[1, 2])),
    "tells another name": _on("model", _head(name="other")),
    "tells an unknown datatype": _on("model", _head(inputs=[{"name": "x", "datatype": "FLOAT", "shape": [-1, 4]}])),
    "tells a dimension as text": _on("model", _head(inputs=[{"name": "x", "datatype": "FP32", "shape": ["-1", 4]}])),
    "tells an output that never comes": _on("model", _head(outputs=[{"name": "q", "datatype": "FP32", "shape": [-1]}])),
    "tells a wrong output shape": _on(
        "model", lambda reply: replace(reply, head={**reply.head, "outputs": [_wide(o) for o in reply.head["outputs"]]})
    ),
    "fails": _on("infer", _status(500)),
    "answers with another model name": _on("infer", _head(model_name="other")),
    "answers with another version": _on("infer", _head(model_version="3")),
    "answers with another id": lambda reply: (
        _head(id="other")(reply) if reply.status == 200 and "id" in (reply.head or ()) else reply
    ),
    "invents ids": _on("infer", lambda reply: replace(reply, head={"id": "invented", **reply.head})),
    "answers with too few elements": _on("infer", _first_output(data=[1.0])),
    "answers with another datatype": _on("infer", _first_output(datatype="FP64")),
    "answers null for parameters": _on("infer", _head(parameters=None)),
    "answers with nested parameters": _on("infer", _head(parameters={"headers": {"a": "b"}})),
    "answers as text": _on("infer", lambda reply: replace(reply, headers={"Content-Type": "text/plain"})),
    "answers in the model's order": _on(
        "infer",
        lambda reply: replace(reply, head={**reply.head, "outputs": sorted(reply.head["outputs"], key=_index)}),
    ),
    "drops the last output": _on(
        "infer", lambda reply: replace(reply, head={**reply.head, "outputs": reply.head["outputs"][:1]})
    ),
    "adds an output": _on(
        "infer",
        lambda reply: replace(
            reply, head={**reply.head, "outputs": [*reply.head["outputs"], reply.head["outputs"][0]]}
        ),
    ),
    "answers binary data too": _on("infer", _first_output(data=[1.0])),
    "tells a wrong header length": lambda reply: (
        replace(reply, headers={"Inference-Header-Content-Length": ""}) if reply.blobs else reply
    ),
    "answers octets without saying so": lambda reply: (
        replace(reply, headers={"Content-Type": ""}) if reply.blobs else reply
    ),
    "answers one byte too many": lambda reply: (
        replace(reply, blobs=(*reply.blobs[:-1], reply.blobs[-1] + b"\0")) if reply.blobs else reply
    ),
    "answers all refusals with 500": _on_errors(_status(500)),
    "answers all refusals with 400": _on_errors(_status(400)),
    "answers all refusals with 422": _on_errors(_status(422)),
    "tells details for errors": _on_errors(lambda reply: replace(reply, head={"detail": "no"})),
    "shows tracebacks": _on_errors(_head(error='Traceback: File "server.py", line 7, in infer')),
    "tells nothing in errors": _on_errors(_head(error="bad request")),
    "has no configuration": lambda reply: replace(reply, status=404) if reply.route == "config" else reply,
    "has configurations of anything": lambda reply: replace(reply, status=200) if reply.route == "config" else reply,
    "has no statistics": lambda reply: replace(reply, status=404) if "stats" in reply.route else reply,
    "has no index": _on("index", _status(404)),
    "loads anything": lambda reply: replace(reply, status=200) if reply.route == "repository" else reply,
    "has no logging": _on("logging", _status(404)),
    "classifies nothing": _on("infer", _first_output(datatype="FP32", data=[1.0, 1.0], shape=[2, 1])),
}


def _wide(output: dict[str, Any]) -> dict[str, Any]:
    return {**output, "shape": [*output["shape"], -1]}


def _index(output: dict[str, Any]) -> int:
    return "xnsh".index(output["name"][0])
