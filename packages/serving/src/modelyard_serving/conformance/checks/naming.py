"""Versions, case, quoting and query strings."""

from modelyard_serving.conformance.checks.metadata import of_model
from modelyard_serving.conformance.rest import JSON_TYPE, infer, infer_outputs, outputs, refused, request, succeeded
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject

group = Group("Names and versions", section="REST, names and versions", transport=Transport.REST)


@group.must("R6.7a", "Without a version in the path one of the declared versions answers")
def policy_version(subject: Subject) -> None:
    version = succeeded(infer(subject, request(subject))).object().get("model_version")
    versions = subject.metadata.get("versions")
    if not versions:
        raise NotApplicable("the model declares no versions")
    if version not in versions:
        raise Violation(f"expected one of {versions}, {version!r} came")


@group.must("R6.7b", "With a version in the path this version answers, and says so")
def named_version(subject: Subject) -> None:
    version = subject.version
    response = succeeded(infer(subject, request(subject), version=version))
    actual = response.object().get("model_version")
    if actual != version:
        raise Violation(f"expected {version!r}, {actual!r} came")
    outputs(response)


@group.must("R6.8a", "A model name in another case is another model")
def case_of_the_model(subject: Subject) -> None:
    other = subject.model.swapcase()
    if other == subject.model:
        raise NotApplicable("the model's name has no letters")
    refused(subject.http.get(subject.path(model=other)))


@group.must("R6.8b", "An input name in another case is another input")
def case_of_an_input(subject: Subject) -> None:
    body = request(subject)
    name = body["inputs"][0]["name"]
    if name.swapcase() == name:
        raise NotApplicable("the input's name has no letters")
    body["inputs"][0]["name"] = name.swapcase()
    refused(infer(subject, body))


@group.must("R6.8c", "A datatype in another case is no datatype")
def case_of_a_datatype(subject: Subject) -> None:
    body = request(subject)
    body["inputs"][0]["datatype"] = body["inputs"][0]["datatype"].lower()
    refused(infer(subject, body))


@group.must("R6.8d", "A percent-encoded model name is the same name")
def quoted_name(subject: Subject) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in subject.model.encode())
    name = succeeded(subject.http.get(f"/v2/models/{quoted}")).object().get("name")
    if name != of_model(subject).get("name"):
        raise Violation(f"expected {subject.model!r}, {name!r} came")


@group.must("R6.12a", "A query string is ignored")
def query_string(subject: Subject) -> None:
    succeeded(subject.http.get("/v2/health/ready?test_1=1&test_2=2"))
    body = subject.plain_body()
    succeeded(subject.http.post(subject.path("/infer") + "?test_1=1&test_2=2", body, headers=JSON_TYPE))


@group.should("R6.12b", "Unknown fields of a request are ignored")
def unknown_field(subject: Subject) -> None:
    body = request(subject, modelyard_unknown=1)
    body["inputs"][0]["modelyard_unknown"] = 1
    infer_outputs(subject, body)
