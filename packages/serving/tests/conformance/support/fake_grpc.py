"""The fake server's gRPC side: generic handlers over the same core, with defects of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from fake_model import (
    DTYPES,
    MODELS,
    VERSIONS,
    FakeModel,
    Inference,
    Refused,
    Tensor,
    check_head,
    find_model,
    from_raw,
    run,
    to_raw,
)
from fake_rest import EXTENSIONS
from google.protobuf.message import DecodeError, Message

import grpc
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
SERVICE = "inference.GRPCInferenceService"
LIMIT = 64 << 20


class FakeGrpc(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types.
    """Finds the handler of a method by its name; what is not there is UNIMPLEMENTED."""

    def __init__(self, defects: frozenset[str]) -> None:
        self.defects = defects

    def service(self, details: Any) -> Any:
        """grpcio asks here for every call."""
        path = details.method
        if path == "/grpc.health.v1.Health/Check" and "has no health service" not in self.defects:
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\x08\x01")
        if path == "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":
            if "has no reflection" in self.defects:
                return None
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, _context: (SERVICE.encode() for _ in requests)
            )
        if path == f"/{SERVICE}/ModelStreamInfer":
            return grpc.stream_stream_rpc_method_handler(self._stream)
        return self._unary(path.removeprefix(f"/{SERVICE}/"))

    def _unary(self, method: str) -> Any:
        calls: dict[str, tuple[type[Message], Callable[[Any], Message]]] = {
            "ServerLive": (pb.ServerLiveRequest, lambda _: pb.ServerLiveResponse(live=self._not("is not live"))),
            "ServerReady": (pb.ServerReadyRequest, lambda _: pb.ServerReadyResponse(ready=self._not("is not ready"))),
            "ModelReady": (pb.ModelReadyRequest, self._model_ready),
            "ServerMetadata": (pb.ServerMetadataRequest, self._server_metadata),
            "ModelMetadata": (pb.ModelMetadataRequest, self._model_metadata),
            "ModelInfer": (pb.ModelInferRequest, self._infer),
            "ModelConfig": (pb.ModelConfigRequest, self._config),
            "ModelStatistics": (pb.ModelStatisticsRequest, self._statistics),
            "RepositoryIndex": (pb.RepositoryIndexRequest, self._index),
        }
        if method not in calls:
            if "answers unknown calls" not in self.defects:
                return None
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
        kind, call = calls[method]

        def handle(data: bytes, context: Any) -> bytes:
            try:
                return bytes(call(kind.FromString(data)).SerializeToString())
            except DecodeError:
                if "accepts garbage" not in self.defects:
                    context.abort(grpc.StatusCode.INTERNAL, "the bytes are no message")
            except Refused as refusal:
                context.abort(self._code(refusal), refusal.message)
            return b""

        return grpc.unary_unary_rpc_method_handler(handle)

    def _not(self, defect: str) -> bool:
        return defect not in self.defects

    def _code(self, refusal: Refused) -> grpc.StatusCode:
        if "refuses with UNKNOWN" in self.defects:
            return grpc.StatusCode.UNKNOWN
        return grpc.StatusCode.NOT_FOUND if refusal.kind == "not_found" else grpc.StatusCode.INVALID_ARGUMENT

    def _model(self, name: str, version: str) -> FakeModel:
        try:
            return find_model(name, version or None)
        except Refused as refusal:
            if f"accepts {refusal.what}" in self.defects:
                return MODELS["echo"]
            raise

    def _model_ready(self, request: Any) -> Message:
        self._model(request.name, request.version)
        is_ready = self._not("has no ready model") and not (request.version and "knows no versions" in self.defects)
        return pb.ModelReadyResponse(ready=is_ready)

    def _server_metadata(self, _request: Any) -> Message:
        name = "fake" if self._not("tells another name") else "other"
        return pb.ServerMetadataResponse(
            name=name, version="1.0", extensions=EXTENSIONS if self._not("tells no extensions") else []
        )

    def _model_metadata(self, request: Any) -> Message:
        model = self._model(request.name, request.version)
        answer = pb.ModelMetadataResponse(name=model.name, versions=VERSIONS, platform="fake_echo")
        for field, specs in (("inputs", model.inputs), ("outputs", model.outputs)):
            for spec in specs:
                getattr(answer, field).add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
        if "tells no inputs" in self.defects:
            answer.ClearField("inputs")
        return answer

    def _config(self, request: Any) -> Message:
        model = self._model(request.name, request.version)
        answer = pb.ModelConfigResponse(config=pb.ModelConfig(name=model.name))
        for spec in model.inputs if self._not("configures no inputs") else ():
            answer.config.input.add(name=spec.name)
        for spec in model.outputs:
            answer.config.output.add(name=spec.name)
        return answer

    def _statistics(self, request: Any) -> Message:
        known = [pb.ModelStatistics(name=name) for name in MODELS] if self._not("counts no model") else []
        return pb.ModelStatisticsResponse(model_stats=[each for each in known if each.name == request.name])

    def _index(self, _request: Any) -> Message:
        state = "READY" if self._not("lists no ready model") else "UNAVAILABLE"
        answer = pb.RepositoryIndexResponse()
        for name in MODELS:
            answer.models.add(name=name, version=VERSIONS[-1], state=state)
        return answer

    def _stream(self, requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        for data in requests:
            try:
                answer = pb.ModelStreamInferResponse(infer_response=self._infer(pb.ModelInferRequest.FromString(data)))
            except Refused as refusal:
                if "ends a stream at an error" in self.defects:
                    return
                answer = pb.ModelStreamInferResponse(error_message=refusal.message)
            yield (
                answer.infer_response.SerializeToString()
                if "streams bare answers" in self.defects
                else (answer.SerializeToString())
            )

    def _infer(self, request: Any) -> Message:
        model = self._model(request.model_name, request.model_version)
        is_raw = bool(request.raw_input_contents)
        if ("knows no raw form" in self.defects and is_raw) or ("knows no typed form" in self.defects and not is_raw):
            raise Refused("the form", "another form is needed")
        if "is limited to 4 MB" in self.defects and request.ByteSize() > 4 << 20:
            raise Refused("large messages", "the message is too large")
        self._check_parameters(request)
        try:
            outputs = run(model, Inference(_tensors(request), [output.name for output in request.outputs]))
        except Refused as refusal:
            if f"accepts {refusal.what}" not in self.defects:
                raise
            outputs = list(model.any_answer().values())
        if "answers all outputs" in self.defects:
            outputs = list(model.any_answer().values())
        return self._answer(request, model, outputs, is_raw=is_raw)

    def _check_parameters(self, request: Any) -> None:
        for name, parameter in request.parameters.items():
            kind = parameter.WhichOneof("parameter_choice")
            if "refuses parameters" in self.defects:
                raise Refused("parameters", f"no parameter '{name}'")
            if "refuses later parameters" in self.defects and kind in {"double_param", "uint64_param"}:
                raise Refused("parameters", f"no parameter '{name}'")

    def _answer(self, request: Any, model: FakeModel, outputs: list[Tensor], *, is_raw: bool) -> Message:
        version = request.model_version if self._not("tells the last version") else VERSIONS[0] * 9
        answer = pb.ModelInferResponse(model_name=model.name, model_version=version or VERSIONS[-1])
        answer.id = request.id if self._not("answers without the id") else ""
        for tensor in outputs:
            data = tensor.data
            if "answers raw requests otherwise" in self.defects and is_raw and tensor.datatype != "BYTES":
                data = data + data.dtype.type(1)
            if "answers all otherwise" in self.defects and tensor.datatype != "BYTES":
                data = data + data.dtype.type(1)
            output = answer.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            changed = Tensor(tensor.name, tensor.datatype, tensor.shape, data)
            if is_raw or "always answers raw" in self.defects or tensor.datatype not in CONTENTS:
                answer.raw_output_contents.append(to_raw(changed))
            if not is_raw or "answers in both forms" in self.defects:
                getattr(output.contents, CONTENTS[tensor.datatype]).extend(data.reshape(-1).tolist())
        if "answers too few raw contents" in self.defects and is_raw:
            answer.raw_output_contents.append(b"")
        return answer


def _tensors(request: Any) -> list[Tensor]:
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise Refused("wrong numbers of raw contents", f"{len(request.inputs)} inputs, {len(raw)} raw contents came")
    if raw and any(tensor.HasField("contents") for tensor in request.inputs):
        raise Refused("both forms", "raw and typed contents came together")
    tensors = []
    for index, tensor in enumerate(request.inputs):
        shape = check_head(tensor.name, tensor.datatype, list(tensor.shape))
        blob = raw[index] if raw else None
        tensors.append(_typed(tensor, shape) if blob is None else from_raw(tensor.name, tensor.datatype, shape, blob))
    return tensors


def _typed(tensor: Any, shape: tuple[int, ...]) -> Tensor:
    field = CONTENTS.get(tensor.datatype, "")
    set_fields = [descriptor.name for descriptor, _ in tensor.contents.ListFields()]
    if set_fields != [field] and set_fields:
        raise Refused("other contents", f"input '{tensor.name}' of {tensor.datatype} came in {set_fields}")
    values = list(getattr(tensor.contents, field)) if field else []
    count = int(np.prod(shape, dtype=object))
    if len(values) != count:
        raise Refused("wrong counts of elements", f"{count} elements expected, {len(values)} came")
    if tensor.datatype[0] in "IU":
        limits = np.iinfo(np.dtype(DTYPES[tensor.datatype]))
        if not all(limits.min <= value <= limits.max for value in values):
            raise Refused("integers out of range", f"input '{tensor.name}': a value is out of range")
    data = np.empty(count, dtype=object)
    data[:] = values
    return Tensor(tensor.name, tensor.datatype, shape, data.astype(DTYPES[tensor.datatype]))
