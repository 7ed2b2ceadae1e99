"""The services of a worker by their methods' paths: the protocol's, health for probes, and reflection. The data plane
answers; these only convert."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from google.protobuf.message import Message

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import InvalidInput, ServingError
from modelyard_serving.grpc.calls import Context, Streaming, Unary
from modelyard_serving.grpc.health import HEALTH, Health
from modelyard_serving.grpc.inference import InferenceMethods
from modelyard_serving.grpc.messages import parse_message
from modelyard_serving.grpc.reflection import REFLECTIONS, reflect
from modelyard_serving.grpc.status import Metadata
from modelyard_serving.metrics.exposition import statistics
from modelyard_serving.metrics.shared_memory import SharedMetrics
from modelyard_serving.model_header import MODEL_HEADER, VERSION_HEADER, ModelHeader
from modelyard_serving.origin_policy import OriginPolicy
from modelyard_serving.protocol.configuration import configuration
from modelyard_serving.protocol.proto import health_pb2 as health
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

INFERENCE = "inference.GRPCInferenceService"
SERVICES = (INFERENCE, HEALTH, *REFLECTIONS)


class ModelService:
    """The methods of one model's server."""

    def __init__(
        self, plane: DataPlane, metrics: SharedMetrics, *, sources: OriginPolicy, request_timeout_s: float | None = None
    ) -> None:
        self._plane = plane
        self._sources = sources
        self._model_header = ModelHeader(plane.served.name, plane.served.version)
        self._metrics = metrics
        inferences = InferenceMethods(plane, request_timeout_s=request_timeout_s)
        simple: dict[str, tuple[type[Message], Callable[[Any], Message]]] = {
            "ServerLive": (pb.ServerLiveRequest, self._server_live),
            "ServerReady": (pb.ServerReadyRequest, self._server_ready),
            "ModelReady": (pb.ModelReadyRequest, self._model_ready),
            "ServerMetadata": (pb.ServerMetadataRequest, self._server_metadata),
            "ModelMetadata": (pb.ModelMetadataRequest, self._model_metadata),
            "ModelConfig": (pb.ModelConfigRequest, self._model_config),
            "ModelStatistics": (pb.ModelStatisticsRequest, self._model_statistics),
            "RepositoryIndex": (pb.RepositoryIndexRequest, self._repository_index),
        }
        methods = {_path(INFERENCE, name): _converting(kind, respond) for name, (kind, respond) in simple.items()}
        methods[_path(INFERENCE, "ModelInfer")] = inferences.infer
        methods[_path(INFERENCE, "RepositoryModelLoad")] = self._load
        methods[_path(INFERENCE, "RepositoryModelUnload")] = self._unload
        self._health = Health(plane, SERVICES)
        methods[_path(HEALTH, "Check")] = _converting(health.HealthCheckRequest, self._health.check)
        self.unary: Mapping[bytes, Unary] = methods
        self.streaming: Mapping[bytes, Streaming] = {
            _path(INFERENCE, "ModelStreamInfer"): inferences.stream,
            _path(HEALTH, "Watch"): self._health.watch,
            **{_path(name, "ServerReflectionInfo"): _reflection for name in REFLECTIONS},
        }

    def refusal(self, metadata: Metadata) -> ServingError | None:
        """Whether the call names another model or version, or comes from a foreign web page (browsers do not use gRPC,
        but a proxy may translate for one)."""
        if (foreign := self._sources.refusal("POST", metadata)) is not None:
            return foreign
        return self._model_header.refusal(metadata.get(MODEL_HEADER), metadata.get(VERSION_HEADER))

    def end_streams(self) -> None:
        """End the streams that have no end of their own."""
        self._health.end_streams()

    def _server_live(self, _: pb.ServerLiveRequest) -> Message:
        return pb.ServerLiveResponse(live=self._plane.server_live())

    def _server_ready(self, _: pb.ServerReadyRequest) -> Message:
        return pb.ServerReadyResponse(ready=self._plane.server_ready())

    def _model_ready(self, request: pb.ModelReadyRequest) -> Message:
        return pb.ModelReadyResponse(ready=self._plane.model_ready(request.name, request.version or None))

    def _server_metadata(self, _: pb.ServerMetadataRequest) -> Message:
        return pb.ServerMetadataResponse(**asdict(self._plane.server_metadata()))

    def _model_metadata(self, request: pb.ModelMetadataRequest) -> Message:
        metadata = self._plane.model_metadata(request.name, request.version or None)
        message = pb.ModelMetadataResponse(name=metadata.name, versions=metadata.versions, platform=metadata.platform)
        message.properties.update(metadata.properties)
        for specs, tensors in ((metadata.inputs, message.inputs), (metadata.outputs, message.outputs)):
            for spec in specs:
                tensors.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
        return message

    def _model_config(self, request: pb.ModelConfigRequest) -> Message:
        self._plane.check_name(request.name, request.version or None)
        served = self._plane.served
        fields = configuration(name=served.name, platform=served.model.platform, signature=self._plane.signature)
        return pb.ModelConfigResponse(config=pb.ModelConfig(**fields))

    def _model_statistics(self, request: pb.ModelStatisticsRequest) -> Message:
        if request.name:
            self._plane.check_name(request.name, request.version or None)
        served = self._plane.served
        fields = statistics(self._metrics, model=served.name, version=served.version)
        return pb.ModelStatisticsResponse(model_stats=[pb.ModelStatistics(**fields)])

    def _repository_index(self, request: pb.RepositoryIndexRequest) -> Message:
        message = pb.RepositoryIndexResponse()
        for entry in self._plane.repository_index(only_ready=request.ready):
            message.models.add(**asdict(entry))
        return message

    async def _load(self, data: bytes, _: Context) -> bytes:
        request = parse_message(pb.RepositoryModelLoadRequest, data)
        if request.parameters:
            raise InvalidInput(
                "load takes no parameters: the model comes from the path that the server was started with"
            )
        await self._plane.load_model(request.model_name)
        respond = pb.RepositoryModelLoadResponse(model_name=request.model_name, isLoaded=True)
        return bytes(respond.SerializeToString())

    async def _unload(self, data: bytes, _: Context) -> bytes:
        request = parse_message(pb.RepositoryModelUnloadRequest, data)
        await self._plane.unload_model(request.model_name)
        respond = pb.RepositoryModelUnloadResponse(model_name=request.model_name, isUnloaded=True)
        return bytes(respond.SerializeToString())


def _path(service: str, method: str) -> bytes:
    return f"/{service}/{method}".encode()


def _converting(kind: type[Message], respond: Callable[[Any], Message]) -> Unary:
    """A method of bytes out of one of messages."""

    def call(data: bytes, _: Context) -> bytes | Awaitable[bytes]:
        return bytes(respond(parse_message(kind, data)).SerializeToString())

    return call


async def _reflection(messages: AsyncIterator[bytes], _: Context) -> AsyncIterator[bytes]:
    async for message in messages:
        yield reflect(message, services=SERVICES)
