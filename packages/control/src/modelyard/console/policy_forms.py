"""A model's policy as the fields of a form, and back. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.console.form_numbers import decimal, whole_number
from modelyard.console.forms import Fields, lines
from modelyard.errors import Invalid

SPARE_ROWS = 2
"""Empty rows for further metrics."""
_MOST_ROWS = 50
_DIRECTIONS = ("higher", "lower")


def policy_as_filled(policy: Mapping[str, Any]) -> dict[str, str]:
    """The fields of the form of a policy that is there."""
    filled = {
        "needed_approvals": str(policy["needed_approvals"]),
        "approvers": "\n".join(policy["approvers"]),
        "tags": "\n".join(name if value is None else f"{name}={value}" for name, value in policy["tags"].items()),
        "checks": "\n".join(policy["checks"]),
        "expires_after_hours": f"{policy['expires_after_hours']:g}",
        "evidence": policy["evidence"],
        "metric_rules": "\n".join(
            f"{name} {rule['direction']} {rule['tolerance']:g}" for name, rule in policy["metric_rules"].items()
        ),
    }
    for row, one in enumerate(policy["metrics"]):
        filled |= {f"{name}-{row}": str(one[name] or "") for name in ("metric", "direction", "baseline")}
        filled[f"threshold-{row}"] = f"{one['threshold']:.15g}"
    return {**filled, "auto_staging": "on"} if policy["auto_staging"] else filled


def rows_of(filled: Fields) -> range:
    """The rows of metrics that the form has: those that are filled in, and some more."""
    used = [row for row in range(_MOST_ROWS) if filled.get(f"metric-{row}", "").strip()]
    return range(min((used[-1] + 1 if used else 0) + SPARE_ROWS, _MOST_ROWS))


def policy_of(form: Fields) -> dict[str, Any]:
    """The body of the call that puts a policy in place of the one before.

    Raises:
        Invalid: code `form_invalid`; a number is none, or a line is not what it should be.
    """
    return {
        "needed_approvals": whole_number("needed_approvals", form.get("needed_approvals", "")),
        "approvers": lines(form, "approvers"),
        "metrics": list(_metrics(form)),
        "metric_rules": dict(_rules(form)),
        "tags": dict(_tags(form)),
        "checks": lines(form, "checks"),
        "expires_after_hours": decimal("expires_after_hours", form.get("expires_after_hours", "")),
        "auto_staging": "auto_staging" in form,
        "evidence": form.get("evidence", "measured"),
    }


def _metrics(form: Fields) -> Iterator[dict[str, Any]]:
    for row in range(_MOST_ROWS):
        if metric := form.get(f"metric-{row}", "").strip():
            yield {
                "metric": metric,
                "direction": form.get(f"direction-{row}") or None,
                "baseline": form.get(f"baseline-{row}") or "absolute",
                "threshold": decimal(f"threshold of {metric[:40]}", form.get(f"threshold-{row}", "").strip() or "0"),
            }


def _rules(form: Fields) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in lines(form, "metric_rules"):
        name, _, rest = line.partition(" ")
        direction, _, tolerance = rest.strip().partition(" ")
        if direction not in _DIRECTIONS:
            raise Invalid(
                f"metric_rules: expected a metric, then higher or lower, and a tolerance if wanted; got {line[:80]!r}",
                code="form_invalid",
                field="metric_rules",
            )
        rule: dict[str, Any] = {"direction": direction}
        yield name, {**rule, "tolerance": decimal("metric_rules", tolerance)} if tolerance.strip() else rule


def _tags(form: Fields) -> Iterator[tuple[str, str | None]]:
    for line in lines(form, "tags"):
        name, equals, value = line.partition("=")
        yield name.strip(), value.strip() if equals else None
