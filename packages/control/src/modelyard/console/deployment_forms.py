"""What the API takes to deploy a version and to plan its retraining, of the forms that people fill in. Pure."""

from typing import Any

from modelyard.console.form_numbers import given_decimal, given_whole
from modelyard.console.forms import Fields, lines
from modelyard.errors import Invalid

_TRIGGERS = ("cron", "event", "announced")


def deployment_of(form: Fields) -> dict[str, Any]:
    """The body of the call. What is left empty is the API's to choose.

    Raises:
        Invalid: code `form_invalid`; a number is none.
    """
    body: dict[str, Any] = {
        "model_name": form.get("model_name", "").strip(),
        "version": given_whole(form, "version"),
        "replicas": given_whole(form, "replicas"),
        "target": form.get("target", "").strip() or None,
        "namespace": form.get("namespace", "").strip() or None,
        "resources": _resources(form),
        "autoscaling": _autoscaling(form),
    }
    if form.get("place") in {"replace", "another"}:
        body[form["place"]] = True
    return {name: value for name, value in body.items() if value is not None}


def _resources(form: Fields) -> dict[str, float] | None:
    wanted = {
        "cpu": given_decimal(form, "cpu"),
        "memory_mb": given_decimal(form, "memory_mb"),
        "gpus": given_whole(form, "gpus"),
    }
    return {name: value for name, value in wanted.items() if value is not None} or None


def _autoscaling(form: Fields) -> dict[str, int] | None:
    wanted = {name: given_whole(form, name) for name in ("min_replicas", "max_replicas", "cpu_percent")}
    given = {name: value for name, value in wanted.items() if value is not None}
    if given and "max_replicas" not in given:
        first = next(iter(given))
        raise Invalid(
            f"max_replicas: expected a number, since {first} is given, got none",
            code="form_invalid",
            field="max_replicas",
        )
    return given or None


def schedule_of(form: Fields) -> dict[str, Any]:
    """The body of the call that makes a schedule. Raises as `deployment_of` does."""
    body: dict[str, Any] = {
        "model_name": form.get("model_name", "").strip(),
        "version": form.get("version", "").strip() or "production",
        "description": form.get("description", ""),
        "overlap": form.get("overlap", "refuse"),
        "missed": form.get("missed", "skip"),
        "recipe": _recipe(form),
    }
    trigger = form.get("trigger", "")
    if trigger not in _TRIGGERS:
        expected = ", ".join(_TRIGGERS)
        raise Invalid(
            f"trigger: expected one of {expected}, got {trigger[:40]!r}", code="form_invalid", field="trigger"
        )
    if trigger == "cron":
        return {**body, "cron": form.get("cron", "").strip(), "time_zone": form.get("time_zone", "").strip() or "UTC"}
    return {**body, "announced": True} if trigger == "announced" else {**body, "event": form.get("event", "").strip()}


def _recipe(form: Fields) -> dict[str, Any]:
    recipe: dict[str, Any] = {
        "stage_if": form.get("stage_if", "never"),
        "update_requirements": "update_requirements" in form,
    }
    if arguments := lines(form, "arguments"):
        recipe["arguments"] = arguments
    return recipe
