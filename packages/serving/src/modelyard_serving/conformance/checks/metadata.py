"""Server and model metadata."""

from typing import Any

from modelyard_serving.conformance.checks.health import NO_VERSION, UNKNOWN
from modelyard_serving.conformance.rest import refused, succeeded
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import DTYPES

group = Group("Metadata", section="REST", transport=Transport.REST)


def of_server(subject: Subject) -> dict[str, Any]:
    """`GET /v2`, which must be there."""
    return succeeded(subject.http.get("/v2")).object()


def of_model(subject: Subject, *, version: str | None = None) -> dict[str, Any]:
    """`GET /v2/models/{m}`, which must be there."""
    return succeeded(subject.http.get(subject.path(version=version))).object()


def _has(response: dict[str, Any], field: str, kind: type) -> None:
    if not isinstance(response.get(field), kind):
        raise Violation(f"expected '{field}' to be a {kind.__name__}, {response.get(field)!r} came")


def _tensors(subject: Subject) -> list[Any]:
    metadata = of_model(subject)
    return [tensor for field in ("inputs", "outputs") for tensor in metadata.get(field) or []]


@group.must("R4a", "GET v2 reports name and version")
def server_metadata(subject: Subject) -> None:
    response = of_server(subject)
    _has(response, "name", str)
    _has(response, "version", str)


@group.must("R4b", "GET v2 reports extensions, a list of strings")
def server_extensions(subject: Subject) -> None:
    extensions = of_server(subject).get("extensions")
    if not isinstance(extensions, list) or not all(isinstance(name, str) for name in extensions):
        raise Violation(f"expected a list of strings, {extensions!r} came")


@group.must("R4c", "Metadata is application/json")
def metadata_type(subject: Subject) -> None:
    for path in ("/v2", subject.path()):
        kind = succeeded(subject.http.get(path)).headers.get("content-type", "")
        if not kind.startswith("application/json"):
            raise Violation(f"{path}: expected Content-Type application/json, {kind or 'none'!r} came")


@group.must("R5a", "GET v2/models/{m} reports name, platform, inputs and outputs")
def model_metadata(subject: Subject) -> None:
    response = of_model(subject)
    for field, kind in (("name", str), ("platform", str), ("inputs", list), ("outputs", list)):
        _has(response, field, kind)


@group.must("R5b", "Every input and output has name, datatype and shape, its dimensions integers >= -1")
def tensor_metadata(subject: Subject) -> None:
    for tensor in _tensors(subject):
        if not isinstance(tensor, dict):
            raise Violation(f"a tensor must be an object, {tensor!r} came")
        for field, kind in (("name", str), ("datatype", str), ("shape", list)):
            _has(tensor, field, kind)
        if not all(type(dim) is int and dim >= -1 for dim in tensor["shape"]):
            raise Violation(f"tensor '{tensor['name']}': expected integers >= -1, shape {tensor['shape']} came")


@group.must("R5c", "Every declared datatype is one of the protocol")
def declared_datatypes(subject: Subject) -> None:
    tensors = _tensors(subject)
    if not tensors:
        raise NotApplicable("the model declares no tensors")
    for tensor in tensors:
        if tensor.get("datatype") not in DTYPES:
            raise Violation(f"tensor '{tensor.get('name')}' has the datatype {tensor.get('datatype')!r}")


@group.must("R5d", "The name is that of the model that was asked for")
def model_name(subject: Subject) -> None:
    name = of_model(subject).get("name")
    if name != subject.model:
        raise Violation(f"expected {subject.model!r}, {name!r} came")


@group.must("R5e", "versions, when there, is a list of strings")
def model_versions(subject: Subject) -> None:
    metadata = of_model(subject)
    if metadata.get("versions") is None:
        raise NotApplicable("the model declares no versions")
    versions = metadata["versions"]
    if not isinstance(versions, list) or not all(isinstance(version, str) for version in versions):
        raise Violation(f"expected a list of strings, {versions!r} came")


@group.must("R5f", "GET v2/models/{m}/versions/{v} answers for a version that the model declares")
def version_metadata(subject: Subject) -> None:
    response = of_model(subject, version=subject.version)
    if response.get("name") != subject.model:
        raise Violation(f"expected the name {subject.model!r}, {response.get('name')!r} came")


@group.must("R5g", "The metadata of a model that does not exist is an error")
def unknown_model(subject: Subject) -> None:
    refused(subject.http.get(subject.path(model=UNKNOWN)))


@group.should("R5h", "That error is 404")
def unknown_model_404(subject: Subject) -> None:
    refused(subject.http.get(subject.path(model=UNKNOWN)), status=404)


@group.must("R5i", "The metadata of a version that does not exist is an error")
def unknown_version(subject: Subject) -> None:
    refused(subject.http.get(subject.path(version=NO_VERSION)))
