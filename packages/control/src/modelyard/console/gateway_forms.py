"""What the API takes of APIs, version sets, products and subscriptions, of the forms that people fill in. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from modelyard.console.form_numbers import given_decimal, given_whole, whole_number
from modelyard.console.forms import Fields, checked
from modelyard.errors import Invalid

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TARGETS = {
    "model": ("model_name", "version", "stage"),
    "deployment": ("deployment_id",),
    "server": ("service_url",),
}
"""The kinds of what answers, each with the fields that say it."""


def moment_of(text: str) -> str | None:
    """A moment as the API takes it: a day alone is its beginning in UTC; nothing is none."""
    text = text.strip()
    return f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text or None


def target_of(form: Fields) -> dict[str, Any]:
    """What answers: of the fields, those of the kind that is chosen.

    Raises:
        Invalid: code `form_invalid`; the kind or a number is none.
    """
    kind = form.get("answers", "model")
    if kind not in _TARGETS:
        expected = ", ".join(_TARGETS)
        raise Invalid(f"answers: expected one of {expected}, got {kind[:40]!r}", code="form_invalid", field="answers")
    body: dict[str, Any] = {name: form.get(name, "").strip() for name in _TARGETS[kind]}
    if "version" in body:
        body["version"] = given_whole(form, "version")
    body["timeout_seconds"] = given_decimal(form, "timeout_seconds")
    return _given(body)


def api_of(form: Fields) -> dict[str, Any]:
    """The body of the call that makes an API. Raises as `target_of` does."""
    names = ("api_id", "display_name", "description", "path", "api_version", "api_version_set_id")
    body: dict[str, Any] = _given({name: form.get(name, "").strip() for name in names})
    body["subscription_required"] = "subscription_required" in form
    if protocols := sorted(checked(form, "protocol-")):
        body["protocols"] = protocols
    keys = _given({"header": form.get("key_header", "").strip(), "query": form.get("key_query", "").strip()})
    if keys:
        body["subscription_key_parameter_names"] = keys
    return {**body, **target_of(form)}


def api_change_of(form: Fields) -> dict[str, Any]:
    """The body of the call that changes an API. An empty day or successor is taken away."""
    return {
        "display_name": form.get("display_name", ""),
        "description": form.get("description", ""),
        "subscription_required": "subscription_required" in form,
        "status": form.get("status", ""),
        "sunset_at": moment_of(form.get("sunset_at", "")),
        "successor": form.get("successor", "").strip() or None,
    }


def revision_of(form: Fields) -> dict[str, Any]:
    """The body of the call that makes a revision. Raises as `target_of` does."""
    return {**target_of(form), "description": form.get("description", "")}


def version_set_of(form: Fields) -> dict[str, Any]:
    """The body of the call that makes a version set."""
    names = ("version_set_id", "display_name", "description", "versioning_scheme", "on_missing", "default_version")
    body = _given({name: form.get(name, "").strip() for name in names})
    if parameter := form.get("parameter", "").strip():
        scheme = form.get("versioning_scheme")
        body["version_query_name" if scheme == "Query" else "version_header_name"] = parameter
    return body


def product_of(form: Fields) -> dict[str, Any]:
    """The body of the calls that make and change a product. Raises as `limits_of` does."""
    return {
        "display_name": form.get("display_name", ""),
        "description": form.get("description", ""),
        "api_ids": form.get("api_ids", "").replace(",", " ").split(),
        "is_open": "is_open" in form,
        "limits": limits_of(form),
    }


def subscription_of(form: Fields) -> dict[str, Any]:
    """The body of the call that makes a subscription. Raises as `limits_of` does."""
    kind = form.get("scope_kind", "")
    scope = {"kind": kind, **({} if kind == "all" else {"name": form.get("scope_name", "").strip()})}
    body = {
        "display_name": form.get("display_name", ""),
        "scope": scope,
        "expires_at": moment_of(form.get("expires_at", "")),
        "limits": limits_of(form),
    }
    return _given(body)


def subscription_change_of(form: Fields) -> dict[str, Any]:
    """The body of the call that changes a subscription. Without a moment it never ends. Raises as `limits_of`."""
    return {
        "display_name": form.get("display_name", ""),
        "expires_at": moment_of(form.get("expires_at", "")),
        "limits": limits_of(form),
    }


def limits_of(form: Fields) -> dict[str, Any]:
    """A rate, a quota, both or none.

    Raises:
        Invalid: code `form_invalid`; a number is none, or a part of a rate is missing.
    """
    body: dict[str, Any] = {"is_enforced": "is_counted_only" not in form}
    if form.get("rate_calls", "").strip() or form.get("rate_seconds", "").strip():
        body["rate"] = {
            "calls": whole_number("rate_calls", form.get("rate_calls", "")),
            "seconds": whole_number("rate_seconds", form.get("rate_seconds", "")),
        }
    if form.get("quota_calls", "").strip():
        body["quota"] = {
            "calls": whole_number("quota_calls", form["quota_calls"]),
            "period": form.get("quota_period", ""),
        }
    return body


def limits_as_filled(limits: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a form that limits of the API stand in."""
    rate, quota = limits["rate"] or {}, limits["quota"] or {}
    filled = {
        "rate_calls": str(rate.get("calls", "")),
        "rate_seconds": str(rate.get("seconds", "")),
        "quota_calls": str(quota.get("calls", "")),
        "quota_period": str(quota.get("period", "")),
    }
    return filled if limits["is_enforced"] else {**filled, "is_counted_only": "on"}


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in (None, "")}
