"""Records outcomes and which version answered which request, and compares two versions by them.

Answers are remembered only of models whose requests are divided, and both for ninety days.
"""

import math
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from modelyard.db import Database
from modelyard.errors import Invalid
from modelyard.gateway_node.answer_log import AnsweredRequest
from modelyard.outcomes import store
from modelyard.outcomes.domain import Outcome, OutcomeReport, Recorded, VersionOutcomes, compare
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService

_KEPT = timedelta(days=90)


class OutcomeService:
    """Outcomes of all tenants.

    Args:
        divided: tenant and name of each model whose requests go to several versions now.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        registry: RegistryService,
        divided: Callable[[], Collection[tuple[str, str]]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._divided = divided

    def note_answers(self, answers: Sequence[AnsweredRequest]) -> None:
        """Remember which versions answered, of models whose requests are divided."""
        divided = self._divided()
        wanted = [each for each in answers if (each.tenant_id, each.model_name) in divided]
        if not wanted:
            return
        now = self._clock.now()
        with self._database.write() as connection:
            for answer in wanted:
                store.add_answer(connection, answer, at=now)
            store.forget(connection, before=now - _KEPT)

    def record(self, principal: Principal, model_name: str, metric: str, outcomes: Sequence[Outcome]) -> Recorded:
        """Record what happened. The same again changes nothing; it may come before the answer is known, or long after.

        Raises:
            NotFound: code `model_not_found`.
            Invalid: code `outcome_invalid`: a request twice with two values.
        """
        self._registry.model(principal, model_name)
        given = _distinct(outcomes)
        now, tenant_id = self._clock.now(), principal.tenant_id
        recorded = repeated = 0
        with self._database.write() as connection:
            before = store.values(connection, tenant_id, model_name, metric, list(given))
            for request_id, value in given.items():
                outcome = Outcome(request_id, value)
                if request_id in before:
                    repeated += before[request_id] == value
                elif store.add_outcome(connection, tenant_id, model_name, metric, outcome, at=now):
                    recorded += 1
            new = [request_id for request_id in given if request_id not in before]
            known = store.known(connection, tenant_id, model_name, new)
        return Recorded(
            recorded=recorded,
            repeated=repeated,
            contradicting=len(before) - repeated,
            unknown=len(new) - len(known),
        )

    def report(
        self, principal: Principal, model_name: str, metric: str, *, control: int, candidate: int, alpha: float
    ) -> OutcomeReport:
        """Two versions, compared by a metric.

        Raises:
            NotFound: code `model_not_found` or `version_not_found`.
        """
        self._registry.require_versions(principal, model_name, [control, candidate])
        tenant_id = principal.tenant_id
        with self._database.read() as connection:
            of_control, of_candidate = (
                VersionOutcomes(
                    version,
                    store.count_answers(connection, tenant_id, model_name, version),
                    store.sums(connection, tenant_id, model_name, metric, version),
                )
                for version in (control, candidate)
            )
            unknown = store.count_unknown(connection, tenant_id, model_name, metric)
        return compare(metric, control=of_control, candidate=of_candidate, unknown=unknown, alpha=alpha)


def _distinct(outcomes: Sequence[Outcome]) -> dict[str, float]:
    found: dict[str, float] = {}
    for index, outcome in enumerate(outcomes):
        if not math.isclose(found.setdefault(outcome.request_id, outcome.value), outcome.value, rel_tol=0):
            raise Invalid(
                f"outcomes.{index}.value: expected the same as for this request before, "
                f"{found[outcome.request_id]:g}, got {outcome.value:g}",
                code="outcome_invalid",
                field=f"outcomes.{index}.value",
            )
    return found
