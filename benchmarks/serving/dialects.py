"""How each kind of server is asked, and how its answers are read: the bytes of a request are made here once, and every
server of a dialect gets the same ones."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from benchmarks.serving.cases import Case
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.workloads import Form

from modelyard_serving.protocol.proto import open_inference_pb2 as pb

MODEL = "model"
"""The name under which every server serves its model."""
INPUT = "input"
_JSON = {"content-type": "application/json"}
_LENGTH = "inference-header-content-length"
_DTYPES = {"INT64": "<i8", "INT32": "<i4", "FP32": "<f4", "FP64": "<f8"}
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent again and again."""

    path: str
    headers: Headers
    body: bytes
    read: Callable[[Headers, bytes], Sequence[Any]]
    """The predicted values of an answer's headers and body. Raises anything for one that is not right."""


class Dialect(Protocol):
    """A way of asking."""

    def request(self, case: Case, form: Form, rows: int) -> Request | None:
        """The request; None where the dialect has no such form."""


class OpenInference:
    """The Open Inference Protocol. `forms` are those that the server can do."""

    def __init__(
        self, *forms: Form, output: str | None = None, dataframe_hint: bool = False, has_matrices: bool = False
    ) -> None:
        """
        Args:
            output: ask for this one, of a model that gives more than the others are asked for.
            dataframe_hint: tell that columns are a data frame, by MLServer's convention.
            has_matrices: every tensor has two dimensions, a column's second one is 1.
        """
        self._forms = forms
        self._output = output
        self._dataframe_hint = dataframe_hint
        self._has_matrices = has_matrices

    def request(self, case: Case, form: Form, rows: int) -> Request | None:
        if form not in self._forms:
            return None
        tensors = _tensors(case, rows, column=[rows, 1] if self._has_matrices else [rows])
        if form is Form.GRPC:
            return _grpc(tensors, self._output, hint=self._dataframe_hint and case.is_table)
        if form is Form.BINARY:
            return _binary(tensors, self._output)
        document: dict[str, Any] = {"inputs": [_described(tensor) | {"data": tensor.values} for tensor in tensors]}
        document |= _asked(self._output)
        if self._dataframe_hint and case.is_table:
            document["parameters"] = {"content_type": "pd"}
        return Request(f"/v2/models/{MODEL}/infer", _JSON, _dumped(document), _read_json_tensors)


class PlainJson:
    """`{"rows": …}` to one path: how a server is asked for which there is no protocol."""

    def __init__(self, path: str, read: Callable[[Any], Sequence[Any]]) -> None:
        self._path = path
        self._read = read

    def request(self, case: Case, form: Form, rows: int) -> Request | None:
        if form is not Form.JSON:
            return None
        body = _dumped({"rows": case.first(rows)})
        return Request(self._path, _JSON, body, lambda _, answer: self._read(json.loads(answer)))


class Invocations:
    """MLflow's `/invocations`."""

    def request(self, case: Case, form: Form, rows: int) -> Request | None:
        if form is not Form.JSON:
            return None
        body = _dumped({"inputs": case.first(rows)})
        return Request("/invocations", _JSON, body, lambda _, answer: _predictions(json.loads(answer)))


class Floor:
    """Our own request's bytes, answered by the bytes of our own answer, which the server holds ready."""

    def __init__(self) -> None:
        self._ours = OpenInference(Form.JSON, Form.BINARY)

    def request(self, case: Case, form: Form, rows: int) -> Request | None:
        ours = self._ours.request(case, form, rows)
        if ours is None:
            return None
        answer = floor_answer(case, form, rows)
        return Request(f"/{form}-{rows}", ours.headers, ours.body, lambda _, came: _echoed(case, rows, came == answer))


def floor_answer(case: Case, form: Form, rows: int) -> bytes:
    """As many bytes as our own answer has."""
    values = np.asarray(case.answers[:rows])
    tensor: dict[str, Any] = {"name": "predictions", "datatype": "INT64", "shape": list(values.shape)}
    blob = b""
    if form is Form.BINARY:
        blob = values.tobytes()
        tensor["parameters"] = {"binary_data_size": len(blob)}
    else:
        tensor["data"] = values.ravel().tolist()
    return _dumped({"model_name": MODEL, "model_version": "1", "outputs": [tensor]}) + blob


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    datatype: str
    shape: list[int]
    values: Any


def _tensors(case: Case, rows: int, *, column: list[int]) -> list[_Tensor]:
    asked = case.first(rows)
    if not isinstance(asked, Mapping):
        return [_Tensor(INPUT, case.datatype, [rows, len(asked[0])], asked)]
    return [
        _Tensor(name, "BYTES" if isinstance(values[0], str) else "FP64", column, values)
        for name, values in asked.items()
    ]


def _described(tensor: _Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}


def _asked(output: str | None) -> dict[str, Any]:
    return {} if output is None else {"outputs": [{"name": output}]}


def _binary(tensors: Sequence[_Tensor], output: str | None) -> Request:
    blobs = [_raw(tensor) for tensor in tensors]
    inputs = [
        _described(tensor) | {"parameters": {"binary_data_size": len(blob)}}
        for tensor, blob in zip(tensors, blobs, strict=True)
    ]
    text = _dumped({"inputs": inputs, "parameters": {"binary_data_output": True}, **_asked(output)})
    headers = {_LENGTH: str(len(text)), "content-type": "application/octet-stream"}
    return Request(f"/v2/models/{MODEL}/infer", headers, text + b"".join(blobs), _read_binary_tensors)


def _grpc(tensors: Sequence[_Tensor], output: str | None, *, hint: bool) -> Request:
    message = pb.ModelInferRequest(model_name=MODEL)
    if hint:
        message.parameters["content_type"].string_param = "pd"
    if output is not None:
        message.outputs.add(name=output)
    for tensor in tensors:
        message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        message.raw_input_contents.append(_raw(tensor))
    path = "/inference.GRPCInferenceService/ModelInfer"
    return Request(path, {}, message.SerializeToString(), lambda _, answer: _read_message(answer))


def _raw(tensor: _Tensor) -> bytes:
    if tensor.datatype == "BYTES":
        contents = [value.encode() for value in tensor.values]
        return b"".join(len(content).to_bytes(4, "little") + content for content in contents)
    return np.asarray(tensor.values, _DTYPES[tensor.datatype]).tobytes()


def _read_json_tensors(_: Headers, answer: bytes) -> Sequence[Any]:
    (output,) = json.loads(answer)["outputs"]
    return _rows(np.asarray(output["data"]), output["shape"])


def _read_binary_tensors(headers: Headers, answer: bytes) -> Sequence[Any]:
    length = int(headers[_LENGTH])
    (output,) = json.loads(answer[:length])["outputs"]
    return _rows(np.frombuffer(answer[length:], _DTYPES[output["datatype"]]), output["shape"])


def _read_message(answer: bytes) -> Sequence[Any]:
    message = pb.ModelInferResponse.FromString(answer)
    (output,) = message.outputs
    if message.raw_output_contents:
        return _rows(np.frombuffer(message.raw_output_contents[0], _DTYPES[output.datatype]), output.shape)
    contents = output.contents
    fields = {"INT64": contents.int64_contents, "FP32": contents.fp32_contents, "FP64": contents.fp64_contents}
    return _rows(np.asarray(fields[output.datatype]), output.shape)


def _rows(values: npt.NDArray[Any], shape: Sequence[int]) -> Sequence[Any]:
    """One value or list for each row; a column is one value for each."""
    shaped = values.reshape(tuple(shape))
    if shaped.ndim == 2 and shaped.shape[1] == 1:
        shaped = shaped[:, 0]
    reported: Sequence[Any] = shaped.tolist()
    return reported


def _predictions(answer: Any) -> Sequence[Any]:
    predictions: Sequence[Any] = answer["predictions"]
    return predictions


def _echoed(case: Case, rows: int, is_right: bool) -> Sequence[Any]:  # noqa: FBT001  # It is what was compared.
    if not is_right:
        raise BenchmarkError("the floor answered other bytes than it was given")
    return case.answers[:rows]


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
