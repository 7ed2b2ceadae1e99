"""Liveness and readiness of the server and of the model."""

from modelyard_serving.conformance.rest import error_object, refused, succeeded
from modelyard_serving.conformance.rules import Group, Transport, Violation
from modelyard_serving.conformance.subject import Subject

UNKNOWN = "modelyard-no-such-model"
NO_VERSION = "999999999"

group = Group("Health", section="REST", transport=Transport.REST)


def _is_true(subject: Subject, path: str, field: str) -> None:
    value = succeeded(subject.http.get(path)).object().get(field)
    if value is not True:
        raise Violation(f'expected "{field}": true, {value!r} came')


@group.must("R1a", "GET v2/health/live answers 200")
def live(subject: Subject) -> None:
    succeeded(subject.http.get("/v2/health/live"))


@group.should("R1b", 'Its body is {"live": true}; kserve\'s client reads it')
def live_body(subject: Subject) -> None:
    _is_true(subject, "/v2/health/live", "live")


@group.must("R2a", "GET v2/health/ready answers 200 while all models are ready")
def ready(subject: Subject) -> None:
    succeeded(subject.http.get("/v2/health/ready"))


@group.should("R2b", 'Its body says "ready": true; kserve\'s client reads it')
def ready_body(subject: Subject) -> None:
    _is_true(subject, "/v2/health/ready", "ready")


@group.must("R3a", "GET v2/models/{m}/ready answers 200 for a ready model")
def model_ready(subject: Subject) -> None:
    succeeded(subject.http.get(subject.path("/ready")))


@group.should("R3b", 'Its body names the model and says "ready": true')
def model_ready_body(subject: Subject) -> None:
    _is_true(subject, subject.path("/ready"), "ready")
    name = subject.http.get(subject.path("/ready")).object().get("name")
    if name != subject.model:
        raise Violation(f"expected the name {subject.model!r}, {name!r} came")


@group.must("R3c", "The readiness of a model that does not exist is an error")
def unknown_model_ready(subject: Subject) -> None:
    refused(subject.http.get(subject.path("/ready", model=UNKNOWN)))


@group.should("R3d", "That error is 404 with the protocol's error object")
def unknown_model_ready_404(subject: Subject) -> None:
    error_object(refused(subject.http.get(subject.path("/ready", model=UNKNOWN)), status=404))


@group.must("R3e", "GET v2/models/{m}/versions/{v}/ready answers 200 for a version that the model declares")
def version_ready(subject: Subject) -> None:
    succeeded(subject.http.get(subject.path("/ready", version=subject.version)))


@group.must("R3f", "The readiness of a version that does not exist is an error")
def unknown_version_ready(subject: Subject) -> None:
    refused(subject.http.get(subject.path("/ready", version=NO_VERSION)))
