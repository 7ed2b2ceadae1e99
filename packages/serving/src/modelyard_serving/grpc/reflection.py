"""Reflection: what `grpcurl` and its like ask to learn the services and their messages."""

from collections.abc import Iterable
from typing import Any

from modelyard_serving.grpc.status import Code
from modelyard_serving.protocol.proto import health_pb2, open_inference_pb2
from modelyard_serving.protocol.proto import reflection_pb2 as pb

REFLECTIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_FILES = {module.DESCRIPTOR.name: module.DESCRIPTOR for module in (open_inference_pb2, health_pb2, pb)}


def reflect(message: bytes, *, services: Iterable[str]) -> bytes:
    """The answer to one question."""
    request = pb.ServerReflectionRequest.FromString(message)
    response = pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
    query = request.WhichOneof("message_request")
    if query == "list_services":
        for name in services:
            response.list_services_response.service.add(name=name)
        return bytes(response.SerializeToString())
    file = None
    if query == "file_by_filename":
        file = _FILES.get(request.file_by_filename)
    elif query == "file_containing_symbol":
        file = _file_of(request.file_containing_symbol)
    if file is not None:
        response.file_descriptor_response.file_descriptor_proto.append(file.serialized_pb)
    elif query is None:
        response.error_response.error_code = Code.UNIMPLEMENTED
        response.error_response.error_message = "there are no extensions here"
    else:
        response.error_response.error_code = Code.NOT_FOUND
        response.error_response.error_message = f"{getattr(request, query)!r} is not known here"
    return bytes(response.SerializeToString())


def _file_of(symbol: str) -> Any:
    """The descriptor of the file that defines `package.Name`, or a part of it, as `package.Service.Method`, if any."""
    for file in _FILES.values():
        rest = symbol.removeprefix(f"{file.package}.")
        top = rest.partition(".")[0]
        kinds = (file.message_types_by_name, file.services_by_name, file.enum_types_by_name)
        if rest != symbol and any(top in kind for kind in kinds):
            return file
    return None
