"""What may be asked of the tracking server: a rule for each route that people and runs need. There is no other way in.

Paths are MLflow's REST API (https://mlflow.org/docs/latest/api_reference/rest-api.html), of which its user interface
asks the same below `/ajax-api`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from modelyard.errors import Forbidden, Invalid
from modelyard.tracking_access.domain import Caller
from modelyard.tracking_access.guard import Guard
from modelyard.tracking_access.request import TrackingRequest

Check = Callable[[Guard, TrackingRequest, Caller], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A route: who may take it is its check's to say."""

    method: str
    pattern: re.Pattern[str]
    check: Check
    has_body: bool = True
    """Whether its parameters are in a body of JSON that is read before; else in the address alone."""
    filters: str | None = None
    """The list in the answer that holds things of all tenants."""


def rule_for(method: str, path: str) -> tuple[Rule, dict[str, str]] | None:
    """The rule of a request, and the parts of its path; None where there is none."""
    method = "GET" if method == "HEAD" else method
    plain = path.replace("/ajax-api/", "/api/", 1) if path.startswith("/ajax-api/") else path
    for rule in _RULES:
        found = rule.pattern.fullmatch(plain) if rule.method == method else None
        if found is not None:
            return rule, found.groupdict()
    return None


def _nothing(_guard: Guard, _request: TrackingRequest, _caller: Caller) -> None:
    """Everybody who is known."""


def _whole_store(_guard: Guard, _request: TrackingRequest, caller: Caller) -> None:
    """GraphQL names what it reads in a language of its own: for who sees everything."""
    if not caller.sees_all:
        raise Forbidden("GraphQL is for who sees every tenant's runs", code="permission_missing")


def _experiments(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    for experiment_id in request.texts("experiment_id", "experiment_ids"):
        guard.seen_experiment(experiment_id)


def _experiment_by_name(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    for name in request.texts("experiment_name"):
        mapped = caller.in_tracker(name)
        guard.seen_name(mapped, "experiment")
        if mapped != name:
            request.put("experiment_name", mapped)


def _make_experiment(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    guard.writer()
    guard.no_place_of_its_own(request)
    guard.free_of_platform_tags(request.objects("tags"))
    for name in request.texts("name"):
        mapped = caller.in_tracker(name)
        guard.new_name(mapped)
        if mapped != name:
            request.put("name", mapped)


def _change_experiment(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    guard.person("change or delete experiments")
    _experiments(guard, request, caller)
    for name in request.texts("new_name"):
        guard.new_name(name)
    for key in request.texts("key"):
        guard.user_tag(key)


def _make_run(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    guard.writer()
    _experiments(guard, request, caller)
    guard.marked(request)


def _see_runs(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    _experiments(guard, request, caller)
    for run_id in request.texts("run_id", "run_uuid", "run_ids"):
        guard.seen_run(run_id)
    for model_id in request.texts("model_id"):
        guard.seen_model(model_id)


def _search(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    """Without experiments, MLflow may look in all of them."""
    if not caller.sees_all and not request.texts("experiment_ids"):
        raise Invalid("experiment_ids: expected those to look in, got none", code="experiment_ids_missing")
    _see_runs(guard, request, caller)


def _change_run(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    guard.writer()
    for run_id in request.texts("run_id", "run_uuid"):
        guard.own_run(run_id)
    for model_id in request.texts("model_id"):
        guard.own_model(model_id)
    for name in ("metrics", "models"):
        for each in request.objects(name):
            if each.get("model_id"):
                # A run says which models it read; those that it made are its own.
                is_input = request.path.get("verb") == "log-inputs"
                (guard.seen_model if is_input else guard.own_model)(str(each["model_id"]))
    guard.free_of_platform_tags(request.objects("tags"))


def _tag_run(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    for run_id in request.texts("run_id", "run_uuid"):
        guard.noted_run(run_id)
    for key in request.texts("key"):
        guard.user_tag(key)


def _delete_run(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    guard.person("delete or restore runs")
    _change_run(guard, request, caller)


def _make_model(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    guard.writer()
    _experiments(guard, request, caller)
    for run_id in request.texts("source_run_id"):
        guard.own_run(run_id)
    guard.marked(request)


def _see_model(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    for model_id in request.texts("model_id"):
        guard.seen_model(model_id)


def _change_model(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    guard.writer()
    for model_id in request.texts("model_id"):
        guard.own_model(model_id)
    guard.free_of_platform_tags(request.objects("tags"))
    for key in request.texts("tag_key"):
        guard.user_tag(key)


def _delete_model(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    guard.person("delete models")
    _change_model(guard, request, caller)


def _see_registered(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    for name in request.texts("name"):
        mapped = caller.in_tracker(name)
        guard.seen_name(mapped, "registered model")
        if mapped != name:
            request.put("name", mapped)


def _register(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    guard.free_of_platform_tags(request.objects("tags"))
    for name in request.texts("name"):
        guard.own_model_name(request, name)
    guard.source(request)


def _change_registered(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    guard.person("change or delete registered models")
    for name in request.texts("name", "new_name"):
        guard.seen_name(name, "registered model")
    for key in request.texts("key"):
        guard.user_tag(key)


def _see_artifacts(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    for path in request.texts("artifact_path", "path") or [""]:
        guard.artifact(path.rstrip("/"), writes=False)


def _write_artifact(guard: Guard, request: TrackingRequest, _caller: Caller) -> None:
    for path in request.texts("artifact_path"):
        guard.artifact(path, writes=True)


def _delete_artifact(guard: Guard, request: TrackingRequest, caller: Caller) -> None:
    guard.person("delete artifacts")
    _write_artifact(guard, request, caller)


def _rule(method: str, path: str, check: Check, *, has_body: bool = True, filters: str | None = None) -> Rule:
    pattern = re.escape(path).replace(r"\{artifact_path\}", "(?P<artifact_path>.+)")
    pattern = re.sub(
        r"\\\{(\w+):([^}]+)\\\}", lambda found: f"(?P<{found[1]}>{found[2].replace(chr(92), '')})", pattern
    )
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
    return Rule(method, re.compile(pattern), check, has_body, filters)


_API, _FILES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts"
_RULES = (
    # The most frequent first: a training loop logs at every step.
    *(
        _rule("POST", f"{_API}/runs/{{verb:{verb}}}", _change_run)
        for verb in ("log-metric", "log-batch", "log-parameter", "log-inputs", "log-model", "outputs", "update")
    ),
    _rule("POST", f"{_API}/runs/set-tag", _tag_run),
    _rule("POST", f"{_API}/runs/delete-tag", _tag_run),
    _rule("POST", f"{_API}/runs/create", _make_run),
    _rule("GET", f"{_API}/runs/get", _see_runs),
    _rule("POST", f"{_API}/runs/search", _search),
    _rule("POST", f"{_API}/runs/delete", _delete_run),
    _rule("POST", f"{_API}/runs/restore", _delete_run),
    _rule("GET", f"{_API}/metrics/get-history", _see_runs),
    _rule("GET", f"{_API}/metrics/get-history-bulk", _see_runs),
    _rule("GET", f"{_API}/metrics/get-history-bulk-interval", _see_runs),
    _rule("GET", f"{_API}/artifacts/list", _see_runs),
    _rule("GET", f"{_API}/experiments/get-by-name", _experiment_by_name),
    _rule("GET", f"{_API}/experiments/get", _experiments),
    _rule("POST", f"{_API}/experiments/create", _make_experiment),
    *(_rule(method, f"{_API}/experiments/search", _nothing, filters="experiments") for method in ("GET", "POST")),
    _rule("POST", f"{_API}/experiments/search-datasets", _experiments),
    *(
        _rule("POST", f"{_API}/experiments/{verb}", _change_experiment)
        for verb in ("delete", "restore", "update", "set-experiment-tag", "delete-experiment-tag")
    ),
    _rule("POST", f"{_API}/logged-models", _make_model),
    _rule("POST", f"{_API}/logged-models/search", _search),
    _rule("GET", f"{_API}/logged-models/{{model_id}}", _see_model),
    _rule("PATCH", f"{_API}/logged-models/{{model_id}}", _change_model),
    _rule("DELETE", f"{_API}/logged-models/{{model_id}}", _delete_model),
    _rule("PATCH", f"{_API}/logged-models/{{model_id}}/tags", _change_model),
    _rule("DELETE", f"{_API}/logged-models/{{model_id}}/tags/{{tag_key}}", _change_model),
    _rule("POST", f"{_API}/logged-models/{{model_id}}/params", _change_model),
    _rule("GET", f"{_API}/logged-models/{{model_id}}/artifacts/directories", _see_model),
    _rule("GET", f"{_API}/logged-models/{{model_id}}/artifacts/files", _see_model),
    _rule("POST", f"{_API}/registered-models/create", _register),
    _rule("POST", f"{_API}/model-versions/create", _register),
    _rule("GET", f"{_API}/registered-models/get", _see_registered),
    _rule("GET", f"{_API}/registered-models/search", _nothing, filters="registered_models"),
    *(_rule(method, f"{_API}/registered-models/get-latest-versions", _see_registered) for method in ("GET", "POST")),
    _rule("GET", f"{_API}/registered-models/alias", _see_registered),
    _rule("GET", f"{_API}/model-versions/get", _see_registered),
    _rule("GET", f"{_API}/model-versions/get-download-uri", _see_registered),
    _rule("GET", f"{_API}/model-versions/search", _nothing, filters="model_versions"),
    *(
        _rule(method, f"{_API}/{path}", _change_registered)
        for method, path in (
            *(("POST", "registered-models/rename"), ("PATCH", "registered-models/update")),
            *(("DELETE", "registered-models/delete"), ("POST", "registered-models/set-tag")),
            *(("DELETE", "registered-models/delete-tag"), ("POST", "registered-models/alias")),
            *(("DELETE", "registered-models/alias"), ("PATCH", "model-versions/update")),
            *(("POST", "model-versions/transition-stage"), ("DELETE", "model-versions/delete")),
            *(("POST", "model-versions/set-tag"), ("DELETE", "model-versions/delete-tag")),
        )
    ),
    _rule("PUT", f"{_FILES}/artifacts/{{artifact_path}}", _write_artifact, has_body=False),
    _rule("GET", f"{_FILES}/artifacts/{{artifact_path}}", _see_artifacts, has_body=False),
    _rule("GET", f"{_FILES}/artifacts", _see_artifacts, has_body=False),
    _rule("GET", f"{_FILES}/presigned/{{artifact_path}}", _see_artifacts, has_body=False),
    _rule("DELETE", f"{_FILES}/artifacts/{{artifact_path}}", _delete_artifact, has_body=False),
    *(
        _rule("POST", f"{_FILES}/mpu/{verb}/{{artifact_path}}", _write_artifact, has_body=False)
        for verb in ("create", "complete", "abort")
    ),
    # What only the user interface asks.
    _rule("GET", "/get-artifact", _see_runs, has_body=False),
    _rule("GET", "/model-versions/get-artifact", _see_registered, has_body=False),
    _rule("POST", f"{_API}/upload-artifact", _change_run, has_body=False),
    _rule("GET", "/", _nothing, has_body=False),
    _rule("GET", "/static-files/{artifact_path}", _nothing, has_body=False),
    _rule("GET", "/version", _nothing, has_body=False),
    _rule("GET", "/api/3.0/mlflow/server-info", _nothing, has_body=False),
    _rule("GET", "/api/3.0/mlflow/ui-telemetry", _nothing, has_body=False),
    _rule("GET", "/graphql", _whole_store, has_body=False),
    _rule("POST", "/graphql", _whole_store, has_body=False),
)
