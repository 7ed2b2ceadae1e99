"""Every rule of the suite on a server that keeps it, and on one that breaks it."""

from collections.abc import Iterator

import pytest
from fake_model import MODELS
from fake_server import Addresses, serving
from mutants import MUTANTS

from modelyard_serving.conformance.checks import CHECKS
from modelyard_serving.conformance.http import Http
from modelyard_serving.conformance.rpc import Rpc
from modelyard_serving.conformance.rules import Check, Transport
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.suite import Outcome, Result, Suite

TIMEOUT = 5.0
TIMEOUT_OF_MUTANTS = 1.5  # A server that hangs breaks its rule; one need not wait long for that.


def _run(addresses: Addresses, check: Check, *, timeout: float) -> Result:
    http = Http(addresses.url, timeout=timeout)
    with Rpc(addresses.grpc, timeout=timeout) as rpc:
        subjects = [Subject(http, model=name, rpc=rpc) for name in MODELS]
        (result,) = Suite(subjects, patience=0, sleep=lambda _: None).run([check])
        return result


@pytest.fixture(scope="module")
def conformant() -> Iterator[Addresses]:
    with serving() as addresses:
        yield addresses


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.rule.id)
class TestRule:
    def test_it_holds_for_a_conformant_server(self, check: Check, conformant: Addresses) -> None:
        result = _run(conformant, check, timeout=TIMEOUT)

        assert result.outcome is Outcome.PASS, (result.reason, result.evidence)

    def test_it_fails_for_a_server_that_breaks_it(self, check: Check) -> None:
        with serving(MUTANTS[check.rule.id], with_grpc=check.rule.transport is Transport.GRPC) as addresses:
            result = _run(addresses, check, timeout=TIMEOUT_OF_MUTANTS)

        assert result.outcome is Outcome.FAIL, result.reason
        assert result.reason
