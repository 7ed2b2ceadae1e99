"""Which of the models that a job's script logged becomes the version: the only one, the named one, or the best. Pure.

It never takes the last one because it is the last: where several could be meant, it says so and lists them.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.errors import Invalid
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.metrics import Direction, MetricRule, Verdict, rule_for, verdict

_DIRECTIONS = {"min": Direction.LOWER, "max": Direction.HIGHER}
_METRIC = re.compile(r"(?:(?P<way>min|max):)?(?P<name>\S.{0,249})")
_LISTED = 20


MetricRules = Callable[[Principal, str], Mapping[str, MetricRule]]
"""What the policy of a model declares of metrics; nothing where there is no such model yet."""


@dataclass(frozen=True, slots=True)
class BestOf:
    """A metric, and the rule by which its values are compared."""

    metric: str
    rule: MetricRule


@dataclass(frozen=True, slots=True)
class Candidate:
    """A logged model with the metrics of itself and of its run."""

    model: LoggedModel
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a job's answer has it."""
        return {"name": self.model.name, "model_uri": self.model.uri, "run_id": self.model.run_id}

    @property
    def title(self) -> str:
        """As people read it."""
        return f"'{self.model.name}'" + (f" of run {self.model.run_id}" if self.model.run_id else "")


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen model, those that it was chosen from, and the metric if one decided."""

    chosen: Candidate
    others: Sequence[Candidate]
    best_of: BestOf | None = None

    @property
    def summary(self) -> str:
        """Which was chosen, and which were not, in one line."""
        by = ""
        if self.best_of is not None:
            by = f" by {self.best_of.metric} ({self.best_of.rule.direction} is better)"
        others = _listed([self._described(one) for one in self.others])
        return f"chosen{by}: {self._described(self.chosen)}; not chosen: {others}"

    def to_json(self) -> dict[str, Any]:
        """As the job's result keeps it."""
        return {
            "metric": None if self.best_of is None else self.best_of.metric,
            "direction": None if self.best_of is None else str(self.best_of.rule.direction),
            "chosen": self._fields(self.chosen),
            "others": [self._fields(one) for one in self.others],
        }

    def _described(self, one: Candidate) -> str:
        return one.title if self.best_of is None else f"{one.title} ({_figure(one, self.best_of.metric)})"

    def _fields(self, one: Candidate) -> dict[str, Any]:
        value = None if self.best_of is None else _value(one, self.best_of.metric)
        return {**one.to_json(), "value": value}


def parse_best_of(text: str, declared: Mapping[str, MetricRule]) -> BestOf:
    """`accuracy`, `min:rmse` or `max:gain`. Without a word before it, its declared or usual direction counts.

    Raises:
        Invalid: code `best_of_invalid`.
    """
    found = _METRIC.fullmatch(text)
    if found is None:
        raise _invalid(f"expected a metric's name, like accuracy or min:rmse, got {text[:80]!r}")
    if found["way"] is None and text in declared:
        return BestOf(text, declared[text])
    rule = rule_for(found["name"], declared)
    if found["way"] is not None:
        rule = MetricRule(_DIRECTIONS[found["way"]], rule.tolerance)
    if rule.direction is Direction.UNKNOWN:
        name = found["name"][:80]
        raise _invalid(f"expected min:{name} or max:{name}, since the name does not say which way is better")
    return BestOf(found["name"], rule)


def select_model(
    candidates: Sequence[Candidate], *, logged_model: str | None = None, best_of: BestOf | None = None
) -> Selection:
    """The model that is meant.

    Args:
        candidates: those of a run oldest first. Of those with one name in one run the newest counts, as when a script
            logs again, unless the best is asked for.
        logged_model: a name, a logged model's id, or `<run>/<name>`.

    Raises:
        Invalid: code `no_model_logged`, `several_models_logged`, `logged_model_not_found` or `best_of_missing`.
    """
    if not candidates:
        raise Invalid(
            "the script logged no model: expected a call like mlflow.sklearn.log_model(model, name='model')",
            code="no_model_logged",
        )
    newest = list({(one.model.run_id or one.model.uri, one.model.name): one for one in candidates}.values())
    compared = candidates if best_of is not None else newest
    meant = [one for one in compared if logged_model is None or _is_called(one, logged_model)]
    if not meant:
        raise Invalid(
            f"logged_model: there is no model {logged_model!r} among those that the script logged: "
            f"{_listed([one.title for one in newest])}",
            code="logged_model_not_found",
            field="logged_model",
        )
    if len(meant) > 1 and best_of is None:
        raise Invalid(
            f"the script logged several models, and nothing says which one is meant: "
            f"{_listed([one.title for one in meant])}",
            code="several_models_logged",
            field="logged_model",
        )
    chosen = meant[0] if best_of is None else _best(meant, best_of)
    return Selection(chosen, [one for one in compared if one is not chosen], best_of)


def _best(candidates: Sequence[Candidate], best_of: BestOf) -> Candidate:
    """The newest that no other beats."""
    rated = [one for one in reversed(candidates) if _value(one, best_of.metric) is not None]
    if not rated:
        names = sorted({name for one in candidates for name in one.metrics})
        raise Invalid(
            f"best_of: none of the models has the metric {best_of.metric!r}; they have {_listed(names) or 'none'}",
            code="best_of_missing",
            field="best_of",
        )
    best = rated[0]
    for one in rated[1:]:
        found = verdict(_value(best, best_of.metric), _value(one, best_of.metric), best_of.rule)
        if found is Verdict.BETTER:
            best = one
    return best


def _is_called(one: Candidate, name: str) -> bool:
    return name in (one.model.name, one.model.model_id, f"{one.model.run_id}/{one.model.name}")


def _value(one: Candidate, metric: str) -> float | None:
    value = one.metrics.get(metric)
    return value if value is not None and math.isfinite(value) else None


def _figure(one: Candidate, metric: str) -> str:
    value = _value(one, metric)
    return f"no {metric}" if value is None else f"{value:g}"


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def _invalid(said: str) -> Invalid:
    return Invalid(f"best_of: {said}", code="best_of_invalid", field="best_of")
