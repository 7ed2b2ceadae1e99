"""Our own server keeps every rule of the suite, each must, should and extension of it."""

from collections.abc import Callable
from typing import Any

import pytest

from modelyard_serving.conformance.checks import CHECKS
from modelyard_serving.conformance.http import Http
from modelyard_serving.conformance.rpc import Rpc
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.suite import Outcome, Result, Suite

StartServer = Callable[..., Any]
NEVER_ASKED = {
    "X6a",  # Trace, logging and shared memory are not offered.
}


def _results(server: Any, model: str) -> dict[str, Result]:
    status = server.status()
    http = Http(f"http://{status['address']}", timeout=20)
    with Rpc(status["grpc_address"], timeout=20) as rpc:
        results = Suite([Subject(http, model=model, rpc=rpc)], patience=5).run(CHECKS)
        return {result.rule.id: result for result in results}


@pytest.fixture
def found(start_server: StartServer) -> list[dict[str, Result]]:
    return [_results(start_server(model, "--grpc-port", "0"), model) for model in ("Echo", "Scale", "Half")]


class TestOurServer:
    def test_it_keeps_every_rule_and_each_is_asked_of_some_model(self, found: list[dict[str, Result]]) -> None:
        broken = {
            (rule_id, result.reason, result.evidence)
            for results in found
            for rule_id, result in results.items()
            if result.outcome is Outcome.FAIL
        }
        assert broken == set()
        asked = {rule_id for results in found for rule_id, result in results.items() if result.outcome is Outcome.PASS}
        assert {check.rule.id for check in CHECKS} - asked == NEVER_ASKED
