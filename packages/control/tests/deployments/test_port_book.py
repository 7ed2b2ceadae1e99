"""An address that a model had is never another model's."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Barrier, BrokenBarrierError

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.db import Database
from modelyard.deployments.domain import Deployment
from modelyard.deployments.port_book import PortBook
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus
from modelyard.errors import Unavailable
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.service import RegistryService

Deploy = Callable[..., Deployment]


@dataclass
class Ports:
    """Ten of them, of which some are in use by others."""

    ports: range = range(20_000, 20_010)
    used: set[int] = field(default_factory=set)

    def is_free(self, port: int) -> bool:
        return port not in self.used


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
def book(database: Database, clock: ManualClock) -> PortBook:
    return PortBook(database=database, clock=clock)


@pytest.fixture
def deploy(
    deployments: DeploymentService, registry: RegistryService, alice: Principal, log_model: Callable[..., LoggedModel]
) -> Deploy:
    made: list[str] = []

    def make(model: str = "iris", namespace: str = "default") -> Deployment:
        version = registry.register(alice, model_name=model, logged=log_model())
        made.append(model)
        return deployments.create(alice, version, replicas=1, namespace=namespace, job_id=f"job-{len(made)}")

    return make


def stop(deployments: DeploymentService, deployment: Deployment) -> None:
    for status in (DeploymentStatus.DRAINING, DeploymentStatus.STOPPED):
        deployments.note(deployment, status=status, reason=None, url=None, ready_replicas=0)


class TestPortBook:
    def test_a_deployment_keeps_its_port(self, book: PortBook, deploy: Deploy, ports: Ports) -> None:
        deployment = deploy()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: book.claim(deployment, ports), range(8))) == {20_000}
        ports.used.add(20_000)
        assert book.claim(deployment, ports) == 20_000

    def test_two_deployments_have_two(self, book: PortBook, deploy: Deploy, ports: Ports) -> None:
        assert book.claim(deploy(), ports) != book.claim(deploy(), ports)

    def test_two_targets_of_this_machine_share_no_port(self, book: PortBook, deploy: Deploy, ports: Ports) -> None:
        first = deploy()
        port = book.claim(first, ports)
        assert book.claim(replace(deploy("pine"), target="another"), ports) != port
        stopped = replace(first, deployment_id="d-later", target="another")
        assert book.claim(stopped, ports) != port  # The same model, but callers of the first target know the address.

    def test_two_targets_that_claim_at_the_same_instant_share_no_port(
        self, book: PortBook, deploy: Deploy, ports: Ports
    ) -> None:
        both_look = Barrier(2)

        class Watched(Ports):
            def is_free(self, port: int) -> bool:
                with suppress(BrokenBarrierError):
                    both_look.wait(timeout=0.5)
                return super().is_free(port)

        claims = [deploy(), replace(deploy("pine"), target="another")]
        with ThreadPoolExecutor(2) as pool:
            assert len(set(pool.map(lambda one: book.claim(one, Watched()), claims))) == 2

    def test_a_port_where_another_program_listens_is_left_out(
        self, book: PortBook, deploy: Deploy, ports: Ports
    ) -> None:
        ports.used.update({20_000, 20_002})
        assert [book.claim(deploy(), ports), book.claim(deploy(), ports)] == [20_001, 20_003]

    def test_the_port_of_one_that_stopped_goes_to_the_same_model_only(
        self, book: PortBook, deployments: DeploymentService, deploy: Deploy, ports: Ports
    ) -> None:
        first = deploy()
        assert book.claim(first, ports) == 20_000
        stop(deployments, first)
        assert book.claim(deploy("other"), ports) == 20_001
        assert book.claim(deploy(namespace="team-b"), ports) == 20_002
        assert book.claim(deploy(), ports) == 20_000
        assert book.claim(deploy(), ports) == 20_003

    def test_a_range_that_is_used_up_names_its_settings(
        self, book: PortBook, deployments: DeploymentService, deploy: Deploy, ports: Ports
    ) -> None:
        ports.ports = range(20_000, 20_001)
        first = deploy()
        book.claim(first, ports)
        stop(deployments, first)
        with pytest.raises(Unavailable, match="MODELYARD_SERVER_PORT_LAST") as caught:
            book.claim(deploy("other"), ports)
        assert caught.value.code == "no_free_port"
        assert book.claim(deploy(), ports) == 20_000
