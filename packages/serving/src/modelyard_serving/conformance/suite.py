"""Runs the checks against a subject, one after the other, and makes a result of whatever happens.

It never raises for what a server does: a server that crashes, hangs or answers nonsense fails the check that it was
asked, and the suite waits a while for it to come back.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelyard_serving.conformance.http import NoResponse
from modelyard_serving.conformance.rules import Check, NotApplicable, Rule, Transport, Violation
from modelyard_serving.conformance.subject import Subject


class Outcome(StrEnum):
    """What a check ended with."""

    PASS = "pass"  # noqa: S105 - no password.
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one rule. `reason` says why it failed or was skipped, `evidence` the last exchange of a failure."""

    rule: Rule
    outcome: Outcome
    reason: str = ""
    evidence: str = ""


def worst(*results: Result) -> Result:
    """What came of one rule for several models: failing for one is failing, and asked of one is asked."""
    return max(results, key=lambda result: [Outcome.SKIP, Outcome.PASS, Outcome.FAIL].index(result.outcome))


class Suite:
    """A run of some checks over the models of one server."""

    def __init__(
        self, subjects: Sequence[Subject], *, patience: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._subjects = subjects
        self._patience = patience
        self._sleep = sleep
        self._is_gone = False

    def run(self, checks: Iterable[Check]) -> Iterator[Result]:
        """One result for every check, as they come."""
        for check in checks:
            yield worst(*(self._run(check, subject) for subject in self._subjects))

    def _run(self, check: Check, subject: Subject) -> Result:
        if self._is_gone:
            return Result(check.rule, Outcome.FAIL, "the server was gone and did not come back")
        subject.http.last_exchange = ""
        try:
            check.run(subject)
        except NotApplicable as exc:
            return Result(check.rule, Outcome.SKIP, str(exc))
        except Exception as exc:  # noqa: BLE001 - An answer that trips a check up breaks the check's rule.
            reason = str(exc) if isinstance(exc, Violation) else f"the answer is not understood: {exc!r}"
            evidence = _evidence(check, subject)
            self._await_return(exc)
            return Result(check.rule, Outcome.FAIL, reason, evidence)
        return Result(check.rule, Outcome.PASS)

    def _await_return(self, cause: Exception) -> None:
        """After a request without a response, wait until the server is up again; a supervisor may need to restart
        it."""
        if not isinstance(cause, NoResponse):
            return
        waited = 0.0
        while waited <= self._patience:
            if all(_is_ready(subject) for subject in self._subjects):
                return
            self._sleep(0.5)
            waited += 0.5
        self._is_gone = True


def _is_ready(subject: Subject) -> bool:
    try:
        return subject.http.get(subject.path("/ready")).status == 200
    except NoResponse:
        return False


def _evidence(check: Check, subject: Subject) -> str:
    if check.rule.transport is Transport.GRPC and subject.rpc.last_exchange:
        return subject.rpc.last_exchange
    return subject.http.last_exchange
