"""Two or more versions side by side, and what to make of it. Pure: every word of the recommendation is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelyard.comparison.data import DataRow, data_reasons, data_rows, evaluated_apart
from modelyard.registry.domain import Version
from modelyard.registry.metrics import Direction, MetricRule, Verdict, rule_for, verdict
from modelyard.registry.parameters import ParameterValue

NOT_COMPARABLE = "not comparable"
_DEEPEST_TYPE = 16


class Standing(StrEnum):
    """How a version stands beside another one."""

    BETTER = "better"
    """In some metric, and worse in none."""
    EQUAL = "equal"
    """Within the tolerance of every metric."""
    WORSE = "worse"
    """In some metric, and better in none."""
    MIXED = "mixed"
    NOT_COMPARABLE = "not_comparable"
    """They share no metric of which one knows which way it is better, or were evaluated on different data."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric over the versions, in their order. The verdicts are against the first version, the baseline."""

    name: str
    direction: Direction
    tolerance: float
    values: tuple[float | None, ...]
    verdicts: tuple[Verdict, ...]
    claimed: tuple[bool, ...]
    """Of each value, whether a caller gave it and no run measured it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A parameter, tag or fact that is not the same in all versions; None where a version has none."""

    name: str
    values: tuple[ParameterValue | None, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found. `breaking` says for each version but the first how its inputs break callers of the first."""

    versions: tuple[Version, ...]
    metrics: tuple[MetricRow, ...]
    parameters: tuple[Difference, ...]
    tags: tuple[Difference, ...]
    facts: tuple[Difference, ...]
    """What they were made of, where it differs: environment, experiment, files, size in bytes."""
    data: tuple[DataRow, ...]
    """What data they were made with, the same or not."""
    breaking: Mapping[int, tuple[str, ...]]
    recommended: int | None
    """The version to take; None when the figures do not say."""
    recommendation: str
    reasons: tuple[str, ...]


def compare(versions: Sequence[Version], declared: Mapping[str, MetricRule]) -> Comparison:
    """Compare versions of one model, oldest first: the oldest is the baseline."""
    ordered = tuple(sorted(versions, key=lambda version: version.version))
    rows = tuple(_metric_row(name, ordered, declared) for name in _names([version.metrics for version in ordered]))
    baseline = ordered[0]
    breaking = {version.version: breaking_changes(baseline.signature, version.signature) for version in ordered[1:]}
    data = data_rows(ordered)
    recommended, recommendation, reasons = _judge(ordered, rows, breaking, data)
    return Comparison(
        versions=ordered,
        metrics=rows,
        parameters=_differences([version.parameters for version in ordered]),
        tags=_differences([version.tags for version in ordered]),
        facts=_differences([_facts(version) for version in ordered]),
        data=data,
        breaking={number: changes for number, changes in breaking.items() if changes},
        recommended=recommended,
        recommendation=recommendation,
        reasons=reasons,
    )


def standing_of(comparison: Comparison) -> Standing:
    """How the later of two versions stands beside the earlier, by every metric that decides."""
    telling = [row for row in comparison.metrics if _decides(row)]
    if not telling or evaluated_apart(comparison.data, comparison.versions) is not None:
        return Standing.NOT_COMPARABLE
    verdicts = {row.verdicts[-1] for row in telling}
    if Verdict.BETTER in verdicts:
        return Standing.MIXED if Verdict.WORSE in verdicts else Standing.BETTER
    return Standing.WORSE if Verdict.WORSE in verdicts else Standing.EQUAL


def breaking_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What a caller of `before` must change to call `after`: inputs that are new and required, or gone, or retyped."""
    if before is None or after is None:
        return ()
    old, new = _inputs(before), _inputs(after)
    gone = [f"input '{name}' is gone" for name in old if name not in new]
    retyped = [
        f"input '{name}' changed from {_type(old[name])} to {_type(new[name])}"
        for name in old
        if name in new and _type(old[name]) != _type(new[name])
    ]
    required = [f"input '{name}' is new and required" for name in new if name not in old and _is_required(new[name])]
    no_longer_optional = [
        f"input '{name}' was optional and is required now"
        for name in old
        if name in new and _is_required(new[name]) and not _is_required(old[name])
    ]
    return (*gone, *retyped, *required, *no_longer_optional)


def _metric_row(name: str, versions: Sequence[Version], declared: Mapping[str, MetricRule]) -> MetricRow:
    rule = rule_for(name, declared)
    values = tuple(version.metrics.get(name) for version in versions)
    return MetricRow(
        name=name,
        direction=rule.direction,
        tolerance=rule.tolerance,
        values=values,
        verdicts=tuple(verdict(values[0], value, rule) for value in values),
        claimed=tuple(name in version.metrics and name not in version.measured_metrics for version in versions),
    )


def _judge(
    versions: Sequence[Version],
    rows: Sequence[MetricRow],
    breaking: Mapping[int, tuple[str, ...]],
    data: Sequence[DataRow],
) -> tuple[int | None, str, tuple[str, ...]]:
    """What the figures say, unless they are of different data."""
    recommended, recommendation, reasons = _recommend(versions, rows, breaking)
    reasons = (*reasons, *data_reasons(data, versions))
    if (why := evaluated_apart(data, versions)) is not None:
        return None, f"{NOT_COMPARABLE}: {why}", (why, *reasons)
    return recommended, recommendation, reasons


def _recommend(
    versions: Sequence[Version], rows: Sequence[MetricRow], breaking: Mapping[int, tuple[str, ...]]
) -> tuple[int | None, str, tuple[str, ...]]:
    shared = [row for row in rows if None not in row.values]
    telling = [row for row in shared if _decides(row)]
    if not telling:
        names = ", ".join(row.name for row in shared)
        why = f"nobody said which way {names} is better" if shared else "the versions share no metric"
        return None, f"{NOT_COMPARABLE}: {why}", (why,)
    undecided = [f"{row.name} decides nothing: {_why_not(row)}" for row in rows if row not in telling]
    reasons = (*(_reason(row, versions) for row in telling), *undecided)
    winners = [index for index in range(len(versions)) if _is_at_least_as_good(index, telling)]
    if len(winners) == 1:
        scope = "all metrics" if len(telling) == len(rows) else "all comparable metrics"
        return _one_winner(winners[0], versions, telling, breaking, reasons, scope=scope)
    if len(winners) > 1:
        numbers = _numbers(versions, winners)
        return None, f"Versions {numbers} are equal within the tolerance across all metrics", reasons
    return None, f"{NOT_COMPARABLE}: no version is at least as good in every metric; weigh {_weighed(telling)}", reasons


def _one_winner(
    index: int,
    versions: Sequence[Version],
    telling: Sequence[MetricRow],
    breaking: Mapping[int, tuple[str, ...]],
    reasons: tuple[str, ...],
    *,
    scope: str,
) -> tuple[int | None, str, tuple[str, ...]]:
    number = versions[index].version
    if index == 0:
        return number, f"Version {number} remains the best: no later version improves on it", reasons
    is_everywhere = all(row.verdicts[index] is Verdict.BETTER for row in telling)
    text = f"Version {number} shows improvement across {scope}"
    if not is_everywhere:
        better = [row.name for row in telling if row.verdicts[index] is Verdict.BETTER]
        text = f"Version {number} shows improvement in {', '.join(better)} and no loss elsewhere"
    if changes := breaking.get(number, ()):
        text += f", but it breaks callers: {'; '.join(changes)}"
        reasons = (*reasons, *changes)
    return number, text, reasons


def _decides(row: MetricRow) -> bool:
    return None not in row.values and row.direction is not Direction.UNKNOWN


def _is_at_least_as_good(index: int, rows: Sequence[MetricRow]) -> bool:
    """Whether no version beats this one in any metric."""
    for row in rows:
        rule = MetricRule(row.direction, row.tolerance)
        if any(verdict(row.values[index], other, rule) is Verdict.BETTER for other in row.values):
            return False
    return True


def _why_not(row: MetricRow) -> str:
    is_missing = row.direction is not Direction.UNKNOWN
    return "not every version has a value" if is_missing else "nobody said which way it is better"


def _reason(row: MetricRow, versions: Sequence[Version]) -> str:
    values = ", ".join(
        f"{value:g}{' (claimed)' if is_claimed else ''} in version {version.version}"
        for value, is_claimed, version in zip(row.values, row.claimed, versions, strict=True)
        if value is not None
    )
    return f"{row.name} ({row.direction} is better): {values}"


def _weighed(rows: Sequence[MetricRow]) -> str:
    return ", ".join(row.name for row in rows)


def _numbers(versions: Sequence[Version], indices: Sequence[int]) -> str:
    numbers = [str(versions[index].version) for index in indices]
    return " and ".join([", ".join(numbers[:-1]), numbers[-1]] if len(numbers) > 1 else numbers)


def _names(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({name for mapping in mappings for name in mapping})


def _facts(version: Version) -> dict[str, str]:
    facts = {
        "environment": version.lock_digest,
        "experiment": version.experiment_name,
        "files": version.manifest_digest,
        "size": str(version.size),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _differences(mappings: Sequence[Mapping[str, ParameterValue]]) -> tuple[Difference, ...]:
    rows = [Difference(name, tuple(mapping.get(name) for mapping in mappings)) for name in _names(mappings)]
    return tuple(row for row in rows if len({(type(value), value) for value in row.values}) > 1)


def _inputs(signature: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    inputs = signature.get("inputs") or []
    return {str(item.get("name", index)): item for index, item in enumerate(inputs)}


def _is_required(item: Mapping[str, Any]) -> bool:
    return bool(item.get("required", True))


def _type(item: Mapping[str, Any]) -> str:
    """A column's type, or a tensor's dtype and shape, as MLflow writes them."""
    tensor = item.get("tensor-spec")
    if isinstance(tensor, Mapping):
        return f"{tensor.get('dtype')}{tensor.get('shape', [])}"
    return _column_type(item, depth=0)


def _column_type(item: Mapping[str, Any], *, depth: int) -> str:
    """With what arrays, maps and objects hold, as deep as anybody reads."""
    kind = str(item.get("type"))
    if depth == _DEEPEST_TYPE:
        return kind
    held, properties = item.get("items", item.get("values")), item.get("properties")
    if isinstance(held, Mapping):
        return f"{kind} of {_column_type(held, depth=depth + 1)}"
    if not isinstance(properties, Mapping):
        return kind
    fields = [
        f"{name}{'' if _is_required(field) else '?'}: {_column_type(field, depth=depth + 1)}"
        for name, field in sorted(properties.items())
        if isinstance(field, Mapping)
    ]
    return f"{kind} {{{', '.join(fields)}}}"
