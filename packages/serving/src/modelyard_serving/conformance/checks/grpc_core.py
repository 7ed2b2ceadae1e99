"""gRPC: health and metadata of the server and of the model."""

from contextlib import suppress
from typing import Any

from modelyard_serving.conformance.checks.health import NO_VERSION, UNKNOWN
from modelyard_serving.conformance.checks.metadata import of_model, of_server
from modelyard_serving.conformance.messages import refused
from modelyard_serving.conformance.rpc import RpcFailed
from modelyard_serving.conformance.rules import Group, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

group = Group("Health and metadata", section="gRPC", transport=Transport.GRPC)


def _is_ready(subject: Subject, **of: str) -> bool:
    return subject.rpc.call("ModelReady", pb.ModelReadyRequest(**of), pb.ModelReadyResponse).ready


def _metadata(subject: Subject, **of: str) -> pb.ModelMetadataResponse:
    return subject.rpc.call("ModelMetadata", pb.ModelMetadataRequest(**of), pb.ModelMetadataResponse)


def _is_not_ready(subject: Subject, **of: str) -> None:
    """Not ready may be said by `ready: false` or by an error."""
    with suppress(RpcFailed):
        if _is_ready(subject, **of):
            raise Violation("expected ready: false or an error, ready: true came")


@group.must("G1a", "ServerLive says live: true")
def live(subject: Subject) -> None:
    if not subject.rpc.call("ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse).live:
        raise Violation("expected live: true")


@group.must("G1b", "ServerReady says ready: true while all models are ready")
def ready(subject: Subject) -> None:
    if not subject.rpc.call("ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready:
        raise Violation("expected ready: true")


@group.must("G1c", "ModelReady says ready: true for a ready model")
def model_ready(subject: Subject) -> None:
    if not _is_ready(subject, name=subject.model):
        raise Violation("expected ready: true")


@group.must("G1d", "ModelReady takes a version that the model declares")
def version_ready(subject: Subject) -> None:
    version = subject.version
    if not _is_ready(subject, name=subject.model, version=version):
        raise Violation(f"expected version {version!r} to be ready")


@group.must("G1e", "A model that does not exist is not ready")
def unknown_model_ready(subject: Subject) -> None:
    _is_not_ready(subject, name=UNKNOWN)


@group.must("G1f", "A version that does not exist is not ready")
def unknown_version_ready(subject: Subject) -> None:
    _is_not_ready(subject, name=subject.model, version=NO_VERSION)


@group.must("G2a", "ServerMetadata reports name and version as REST does")
def server_metadata(subject: Subject) -> None:
    actual = subject.rpc.call("ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse)
    expected = of_server(subject)
    if (actual.name, actual.version) != (expected.get("name"), expected.get("version")):
        raise Violation(f"expected {expected}, {actual.name!r} {actual.version!r} came")


@group.should("G2b", "ServerMetadata reports the extensions as REST does")
def server_extensions(subject: Subject) -> None:
    actual = subject.rpc.call("ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse)
    expected = of_server(subject).get("extensions")
    if list(actual.extensions) != expected:
        raise Violation(f"expected {expected}, {list(actual.extensions)} came")


@group.must("G2c", "ModelMetadata reports name, platform, inputs and outputs as REST does")
def model_metadata(subject: Subject) -> None:
    actual, expected = _metadata(subject, name=subject.model), of_model(subject)
    if (actual.name, actual.platform) != (expected.get("name"), expected.get("platform")):
        raise Violation(
            f"expected {expected.get('name')!r} {expected.get('platform')!r}, {actual.name!r} {actual.platform!r} came"
        )
    for field in ("inputs", "outputs"):
        _same_tensors(field, getattr(actual, field), expected.get(field))


def _same_tensors(field: str, actual: Any, expected: Any) -> None:
    by_grpc = [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in actual]
    by_rest = [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in expected or []]
    if by_grpc != by_rest:
        raise Violation(f"{field}: expected {by_rest}, {by_grpc} came")


@group.must("G2d", "ModelMetadata of a model or version that does not exist is an error")
def unknown_metadata(subject: Subject) -> None:
    refused(lambda: _metadata(subject, name=UNKNOWN))
    refused(lambda: _metadata(subject, name=subject.model, version=NO_VERSION))


@group.should("G2e", "That error is NOT_FOUND")
def unknown_metadata_code(subject: Subject) -> None:
    refused(lambda: _metadata(subject, name=UNKNOWN), code="NOT_FOUND")


@group.should("G3a", "grpc.health.v1 answers SERVING, which Kubernetes' probes need")
def health_service(subject: Subject) -> None:
    try:
        actual = subject.rpc.call_bytes("Check", b"", service="grpc.health.v1.Health")
    except RpcFailed as exc:
        raise Violation(f"expected SERVING, status {exc.code} came") from exc
    if actual != b"\x08\x01":  # HealthCheckResponse{status: SERVING}
        raise Violation(f"expected SERVING, {actual!r} came")


@group.should("G3b", "Reflection lists inference.GRPCInferenceService")
def reflection(subject: Subject) -> None:
    request = _Bytes(b"\x3a\x01*")  # ServerReflectionRequest{list_services: "*"}
    for version in ("v1", "v1alpha"):
        try:
            service = f"grpc.reflection.{version}.ServerReflection"
            responses = subject.rpc.stream("ServerReflectionInfo", [request], _Bytes, service=service)
        except RpcFailed:
            continue
        if any(b"inference.GRPCInferenceService" in response.data for response in responses):
            return
        raise Violation("the service is not among those that reflection lists")
    raise Violation("no reflection service is there")


class _Bytes:
    """Raw bytes behind a message's interface, for services whose messages the suite does not define."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name.
        return self.data

    @classmethod
    def FromString(cls, data: bytes) -> "_Bytes":  # noqa: N802 - protobuf's name.
        return cls(data)


@group.must("G3c", "A call that the service does not have is UNIMPLEMENTED")
def unknown_call(subject: Subject) -> None:
    refused(lambda: subject.rpc.call_bytes("ModelyardNoSuchCall", b""), code="UNIMPLEMENTED")
