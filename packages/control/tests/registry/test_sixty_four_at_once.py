"""Sixty-four clients over real HTTP at once: no version is lost, used twice or left out, and one is in production."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from access_platform import Platform
from audit_chain import assert_chain_holds

from modelyard.access.domain import MemberKind
from modelyard.principals import FIRST_TENANT, Principal, Role
from modelyard.registry.states import Stage
from modelyard.storage import StorageSettings

CLIENTS = 64
EACH = 2
VERSIONS = 16
"""That all want into production."""
ADMIN = Principal(tenant_id=FIRST_TENANT, subject="admin", role=Role.ADMIN)
HANNA = Principal(tenant_id=FIRST_TENANT, subject="hanna", role=Role.ADMIN)
"""Who makes tokens, and asks for nothing."""


@pytest.fixture(params=["sqlite", "postgres"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """The real application on each database."""
    database_url = None
    if request.param == "postgres":
        request.getfixturevalue("postgres_database")
        database_url = request.getfixturevalue("postgres_url")
    home = tmp_path / "home"
    with Platform(home, storage=StorageSettings(home=home, database_url=database_url)) as platform:
        yield platform


def together(count: int, verb: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """What each of so many was answered; none begins before all are there."""
    gate = threading.Barrier(count)

    def go(number: int) -> httpx.Response:
        gate.wait(timeout=60)
        return verb(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(go, range(count)))


class TestRegistration:
    def test_every_version_gets_a_number_of_its_own_without_gaps(self, platform: Platform) -> None:
        run_id = platform.log_model()
        clients = [platform.operator for _ in range(CLIENTS)]
        numbers: list[int] = []

        def register(number: int) -> httpx.Response:
            for _ in range(EACH):
                answer = clients[number].post("/mlops/registry", json={"name": "churn", "run_id": run_id})
                numbers.append(answer.json().get("version"))
            return answer

        answers = together(CLIENTS, register)
        assert {answer.status_code for answer in answers} == {201}
        assert sorted(numbers) == list(range(1, CLIENTS * EACH + 1))
        kept = [version.version for version in platform.control.registry.versions(ADMIN, "churn")]
        assert sorted(kept) == sorted(numbers)
        assert_chain_holds(platform.control.audit.entries(FIRST_TENANT))


class TestPromotion:
    def test_one_version_is_in_production_and_every_other_client_learns_why_not(self, platform: Platform) -> None:
        requests = [self.asked_for(platform) for _ in range(VERSIONS)]
        clients = [platform.at(self.approver(platform, number)) for number in range(CLIENTS)]

        def approve(number: int) -> httpx.Response:
            where = f"/api/v1/ml/registry/models/churn/requests/{requests[number % VERSIONS]}/approve"
            return clients[number].post(where, json={"comment": "agreed"})

        answers = together(CLIENTS, approve)
        codes = [answer.status_code for answer in answers]
        assert (codes.count(200), codes.count(409)) == (1, CLIENTS - 1)
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
            "request_closed",
            "evidence_changed",
        }
        stages = [version.stage for version in platform.control.registry.versions(ADMIN, "churn")]
        assert stages.count(Stage.PRODUCTION) == 1
        log = platform.control.audit.entries(FIRST_TENANT)
        assert [entry.action for entry in log].count("version.production") == 1
        assert_chain_holds(log)

    def asked_for(self, platform: Platform) -> str:
        """The request of a new version in staging."""
        control = platform.control
        (found,) = control.registry.find_logged(ADMIN, run_id=platform.log_model(), model_uri=None)
        version = control.registry.register(ADMIN, model_name="churn", logged=found.model)
        staged = control.promotion.change_stage(ADMIN, version, Stage.STAGING, comment="ready", revision=None)
        return control.promotion.request(ADMIN, staged, comment="please").request_id

    def approver(self, platform: Platform, number: int) -> str:
        """The token of a new approver."""
        subject = f"approver-{number}"
        platform.control.members.add(HANNA, subject=subject, kind=MemberKind.SERVICE, role=Role.APPROVER)
        return platform.control.tokens.create(HANNA, subject=subject, name="test")[1]
