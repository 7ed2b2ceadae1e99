"""What the API takes to begin a roll-out, of the form that people fill in. Pure."""

from typing import Any

from modelyard.console.form_numbers import decimal, whole_number
from modelyard.console.forms import Fields
from modelyard.errors import Invalid

_PLAN = ("shares", "min_requests", "shadow", "warm_seconds")


def rollout_of(form: Fields) -> dict[str, Any]:
    """The body of the call.

    Raises:
        Invalid: code `form_invalid`; a number is none, or a plan has no shares.
    """
    body: dict[str, Any] = {"name": form.get("name", "").strip()}
    if form.get("version", "").strip():
        body["version"] = whole_number("version", form["version"])
    plan = _plan(form)
    return body if plan is None else {**body, "plan": plan}


def _plan(form: Fields) -> dict[str, Any] | None:
    """None where nothing of it is filled in: the model's own plan counts then."""
    given = {name: form[name] for name in _PLAN if form.get(name, "").strip()}
    if not given:
        return None
    if "shares" not in given:
        first = next(iter(given))
        raise Invalid(
            f"shares: expected shares in percent, since {first} is given, got none", code="form_invalid", field="shares"
        )
    requests = whole_number("min_requests", given.get("min_requests", "0"))
    steps: list[dict[str, Any]] = [{"shadow": decimal("shadow", given["shadow"])}] if "shadow" in given else []
    if steps:
        steps.append({"analysis": {"min_requests": requests}})
    for share in given["shares"].replace("%", "").split(","):
        steps += [{"weight": decimal("shares", share)}, {"analysis": {"min_requests": requests}}]
    plan: dict[str, Any] = {"steps": [*steps, {"full": True}]}
    if "warm_seconds" in given:
        plan["warm_seconds"] = decimal("warm_seconds", given["warm_seconds"])
    return plan
