"""Triton's other extensions over REST, asked of a server that says it has them."""

from typing import Any

from modelyard_serving.conformance.checks.health import UNKNOWN
from modelyard_serving.conformance.rest import error_object, infer, infer_outputs, refused, request, supported
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject

group = Group("Extensions", section="Triton extensions", transport=Transport.REST)

CONFIG_TYPES = {"BYTES": "TYPE_STRING"}


@group.extension("X1a", "model_configuration: GET …/config reports name, max_batch_size, input and output")
def config(subject: Subject) -> None:
    subject.needs_extension("model_configuration")
    response = supported(subject.http.get(subject.path("/config"))).object()
    if response.get("name") != subject.model:
        raise Violation(f"expected the name {subject.model!r}, {response.get('name')!r} came")
    if type(response.get("max_batch_size", 0)) is not int:
        raise Violation(f"expected max_batch_size to be an integer, {response['max_batch_size']!r} came")
    for field, declared in (("input", subject.inputs), ("output", subject.outputs)):
        actual = {(each.get("name"), each.get("data_type")) for each in response.get(field, [])}
        expected = {(spec.name, CONFIG_TYPES.get(spec.datatype, f"TYPE_{spec.datatype}")) for spec in declared}
        if actual != expected:
            raise Violation(f"{field}: expected {sorted(expected)}, {actual} came")


@group.extension("X1b", "model_configuration: the configuration of a model that does not exist is an error")
def unknown_config(subject: Subject) -> None:
    subject.needs_extension("model_configuration")
    error_object(refused(subject.http.get(subject.path("/config", model=UNKNOWN))))


def _statistics(subject: Subject) -> dict[str, Any]:
    response = supported(subject.http.get(subject.path("/stats"))).object()
    stats = [each for each in response.get("model_stats", []) if each.get("name") == subject.model]
    if not stats:
        raise Violation(f"expected an entry of {subject.model!r} in model_stats, {response} came")
    entry: dict[str, Any] = stats[-1]
    return entry


@group.extension("X2a", "statistics: GET …/stats reports the counts and durations of the model")
def statistics(subject: Subject) -> None:
    subject.needs_extension("statistics")
    entry = _statistics(subject)
    for field in ("inference_count", "execution_count"):
        if type(entry.get(field, 0)) is not int:
            raise Violation(f"expected {field} to be an integer, {entry[field]!r} came")
    for field in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
        duration = entry.get("inference_stats", {}).get(field)
        if not isinstance(duration, dict) or not {"count", "ns"} <= duration.keys():
            raise Violation(f"expected inference_stats.{field} with count and ns, {duration!r} came")


@group.extension("X2b", "statistics: an inference of two rows adds two to inference_count and one to success")
def statistics_count(subject: Subject) -> None:
    subject.needs_extension("statistics")
    if not subject.is_batched or subject.sample[0].shape[0] != 2:
        raise NotApplicable("the sample is no batch of two rows")
    before = _statistics(subject)
    infer_outputs(subject, request(subject))
    after = _statistics(subject)
    rows = after["inference_count"] - before["inference_count"]
    successes = after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"]
    if (rows, successes) != (2, 1):
        raise Violation(f"expected 2 rows and 1 success more, {rows} and {successes} came")


@group.extension("X2c", "statistics: GET v2/models/stats reports all models")
def all_statistics(subject: Subject) -> None:
    subject.needs_extension("statistics")
    stats = supported(subject.http.get("/v2/models/stats")).object().get("model_stats", [])
    if subject.model not in [each.get("name") for each in stats]:
        raise Violation(f"expected an entry of {subject.model!r}")


@group.extension("X3a", "model_repository: POST v2/repository/index lists the model as READY")
def index(subject: Subject) -> None:
    subject.needs_extension("model_repository")
    for body in (b"", b"{}", b'{"ready": true}'):
        entries = supported(subject.http.post("/v2/repository/index", body)).json()
        states = [entry.get("state") for entry in entries if entry.get("name") == subject.model]
        if "READY" not in states:
            raise Violation(f"expected {subject.model!r} to be READY, {entries} came")


@group.extension("X3b", "model_repository: loading or unloading a model that does not exist, or a path, is an error")
def load_nothing(subject: Subject) -> None:
    subject.needs_extension("model_repository")
    for verb in ("load", "unload"):
        for name in (UNKNOWN, "..%2F..%2Fetc"):
            response = subject.http.post(f"/v2/repository/models/{name}/{verb}", b"{}")
            if response.status < 400:
                raise Violation(f"{verb} of {name!r}: expected an error, {response.status} came")


@group.extension("X4a", "classification: the k largest values of each row come as 'value:index'")
def classification(subject: Subject) -> None:
    subject.needs_extension("classification")
    spec = next((spec for spec in subject.outputs if spec.datatype != "BYTES" and len(spec.shape) == 2), None)
    if spec is None:
        raise NotApplicable("no output is a matrix of numbers")
    requested = [{"name": spec.name, "parameters": {"classification": 1}}]
    output = infer_outputs(subject, request(subject, outputs=requested))[0]
    if output.datatype != "BYTES" or output.shape[-1:] != (1,):
        raise Violation(f"expected BYTES [rows, 1], {output.datatype} {list(output.shape)} came")
    value, _, rest = output.data[0].decode().partition(":")
    float(value)
    if not rest.split(":")[0].isdigit():
        raise Violation(f"expected 'value:index', {output.data[0].decode()!r} came")


@group.extension("X5a", "schedule_policy: priority and timeout are taken")
def schedule(subject: Subject) -> None:
    subject.needs_extension("schedule_policy")
    infer_outputs(subject, request(subject, parameters={"priority": 1, "timeout": 10_000_000}))


@group.extension("X5b", "schedule_policy: a priority or timeout that is no integer >= 0 is refused")
def odd_schedule(subject: Subject) -> None:
    subject.needs_extension("schedule_policy")
    for parameters in ({"priority": "high"}, {"timeout": "soon"}, {"timeout": -1}):
        refused(infer(subject, request(subject, parameters=parameters)))


@group.extension("X6a", "trace, logging, shared memory: what is offered answers with JSON")
def settings(subject: Subject) -> None:
    paths = {
        "trace": "/v2/trace/setting",
        "logging": "/v2/logging",
        "system_shared_memory": "/v2/systemsharedmemory/status",
        "cuda_shared_memory": "/v2/cudasharedmemory/status",
    }
    expected = [path for name, path in paths.items() if name in subject.server_metadata.get("extensions", [])]
    if not expected:
        raise NotApplicable("the server offers none of these extensions")
    for path in expected:
        supported(subject.http.get(path)).json()
