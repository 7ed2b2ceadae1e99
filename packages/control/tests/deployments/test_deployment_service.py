"""What shall run, written down: made once per job, scaled, undeployed, found."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import AuditLog
from modelyard.deployments.domain import Deployment
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus, DesiredState
from modelyard.errors import Conflict, NotFound
from modelyard.principals import Principal
from modelyard.registry.domain import Version

Create = Callable[..., Deployment]


@pytest.fixture
def create(deployments: DeploymentService, version: Version, alice: Principal) -> Create:
    def make(job_id: str = "job-1", *, namespace: str = "default") -> Deployment:
        return deployments.create(alice, version, replicas=2, namespace=namespace, job_id=job_id)

    return make


def move(deployments: DeploymentService, deployment: Deployment, *way: DeploymentStatus) -> None:
    for status in way:
        deployments.note(deployment, status=status, reason=None, url=None, ready_replicas=0)


def actions(audit: AuditLog, alice: Principal, deployment: Deployment) -> list[str]:
    return [entry.action for entry in audit.entries(alice.tenant_id, subject=deployment.subject)]


class TestCreate:
    def test_a_new_one_is_pending(self, create: Create, deployments: DeploymentService, alice: Principal) -> None:
        made = create()
        assert (made.status, made.desired_state) == (DeploymentStatus.PENDING, DesiredState.RUNNING)
        assert (made.replicas, made.target) == (2, "fake")
        assert deployments.get(alice, made.deployment_id) == made
        assert deployments.running("fake") == [made]

    def test_the_same_job_twice_is_one(
        self, create: Create, deployments: DeploymentService, alice: Principal, audit: AuditLog
    ) -> None:
        first = create()
        assert create() == first
        assert deployments.of_job("job-1") == first
        assert actions(audit, alice, first) == ["deployment.created"]

    def test_the_same_job_many_times_at_once_is_one(self, create: Create, deployments: DeploymentService) -> None:
        together = threading.Barrier(8)

        def make(_: int) -> str:
            together.wait()
            return create().deployment_id

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(make, range(8)))) == 1
        assert len(deployments.running("fake")) == 1

    def test_a_job_that_made_none_has_none(self, deployments: DeploymentService) -> None:
        assert deployments.of_job("job-1") is None

    def test_one_of_another_target_is_left_to_it(
        self, deployments: DeploymentService, version: Version, alice: Principal
    ) -> None:
        made = deployments.create(alice, version, replicas=2, namespace="default", target="docker", job_id="job-1")
        assert (deployments.running("fake"), deployments.running("docker")) == ([], [made])


class TestTenants:
    def test_nobody_else_sees_or_touches_it(
        self, create: Create, deployments: DeploymentService, stranger: Principal
    ) -> None:
        made = create()
        with pytest.raises(NotFound):
            deployments.get(stranger, made.deployment_id)
        with pytest.raises(NotFound):
            deployments.scaling.scale(stranger, made.deployment_id, 3)
        with pytest.raises(NotFound):
            deployments.undeploy(stranger, made.deployment_id)
        assert deployments.page(stranger).items == []
        assert deployments.count_by_status(stranger) == {}
        assert deployments.running("fake") == [made]


class TestScale:
    def test_the_number_is_written_with_the_one_before(
        self, create: Create, deployments: DeploymentService, alice: Principal, audit: AuditLog, clock: ManualClock
    ) -> None:
        made = create()
        clock.sleep(1)
        scaled = deployments.scaling.scale(alice, made.deployment_id, 5)
        assert (scaled.replicas, scaled.updated_at) == (5, clock.now())
        entry = audit.entries(alice.tenant_id, subject=made.subject)[-1]
        model = f"models/{made.model_name}/versions/{made.version}"
        assert (entry.action, entry.before) == ("deployment.scaled", {"replicas": 2})
        assert entry.after == {"replicas": 5, "model": model}

    def test_one_that_leaves_is_not_scaled(
        self, create: Create, deployments: DeploymentService, alice: Principal
    ) -> None:
        made = create()
        deployments.undeploy(alice, made.deployment_id)
        with pytest.raises(Conflict) as caught:
            deployments.scaling.scale(alice, made.deployment_id, 5)
        assert caught.value.code == "deployment_leaving"

    def test_many_at_once_leave_a_chain_without_a_gap(
        self, create: Create, deployments: DeploymentService, alice: Principal, audit: AuditLog
    ) -> None:
        made = create()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(partial(deployments.scaling.scale, alice, made.deployment_id), range(3, 19)))
        entries = audit.entries(alice.tenant_id, subject=made.subject)[1:]
        befores = [entry.before["replicas"] for entry in entries if entry.before]
        afters = [entry.after["replicas"] for entry in entries if entry.after]
        assert befores == [2, *afters[:-1]]
        assert deployments.get(alice, made.deployment_id).replicas == afters[-1]


class TestUndeploy:
    def test_it_is_no_longer_wanted(self, create: Create, deployments: DeploymentService, alice: Principal) -> None:
        gone = deployments.undeploy(alice, create().deployment_id)
        assert (gone.desired_state, gone.status) == (DesiredState.STOPPED, DeploymentStatus.PENDING)

    def test_many_at_once_are_asked_for_once(
        self, create: Create, deployments: DeploymentService, alice: Principal, audit: AuditLog
    ) -> None:
        made = create()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: deployments.undeploy(alice, made.deployment_id), range(8)))
        assert actions(audit, alice, made) == ["deployment.created", "deployment.undeploy_requested"]


class TestNote:
    def test_what_was_seen_is_written(
        self, create: Create, deployments: DeploymentService, alice: Principal, clock: ManualClock
    ) -> None:
        made = create()
        clock.sleep(1)
        deployments.note(
            made,
            status=DeploymentStatus.STARTING,
            reason="it said \x00",
            url="http://x",
            ready_replicas=1,
        )
        seen = deployments.get(alice, made.deployment_id)
        assert (seen.status, seen.reason, seen.url, seen.ready_replicas) == (
            DeploymentStatus.STARTING,
            "it said \N{REPLACEMENT CHARACTER}",
            "http://x",
            1,
        )
        assert seen.updated_at == clock.now()

    def test_where_nothing_changed_nothing_is_written(
        self, create: Create, deployments: DeploymentService, alice: Principal, clock: ManualClock
    ) -> None:
        made = create()
        clock.sleep(1)
        move(deployments, made, DeploymentStatus.PENDING)
        assert deployments.get(alice, made.deployment_id) == made

    def test_an_address_that_was_returned_once_is_kept(
        self, create: Create, deployments: DeploymentService, alice: Principal
    ) -> None:
        made = create()
        starting = {"status": DeploymentStatus.STARTING, "reason": None, "ready_replicas": 0}
        deployments.note(made, url="http://x", **starting)  # type: ignore[arg-type]  # By name.
        deployments.note(deployments.get(alice, made.deployment_id), url=None, **starting)  # type: ignore[arg-type]  # By name.
        assert deployments.get(alice, made.deployment_id).url == "http://x"

    def test_a_move_that_the_table_does_not_have_is_refused_and_changes_nothing(
        self, create: Create, deployments: DeploymentService, alice: Principal
    ) -> None:
        made = create()
        with pytest.raises(Conflict) as caught:
            move(deployments, made, DeploymentStatus.READY)
        assert caught.value.code == "deployment_transition_refused"
        assert deployments.get(alice, made.deployment_id) == made

    def test_every_move_leaves_one_entry_in_the_name_of_the_system(
        self, create: Create, deployments: DeploymentService, alice: Principal, audit: AuditLog
    ) -> None:
        made = create()
        move(deployments, made, DeploymentStatus.STARTING, DeploymentStatus.STARTING, DeploymentStatus.READY)
        entries = audit.entries(alice.tenant_id, subject=made.subject)[1:]
        assert [(entry.action, entry.actor) for entry in entries] == [
            ("deployment.starting", "modelyard"),
            ("deployment.ready", "modelyard"),
        ]

    def test_of_one_that_is_not_there_nothing_is_noted(self, deployments: DeploymentService, create: Create) -> None:
        gone = replace(create(), deployment_id="dep-none")
        deployments.note(gone, status=DeploymentStatus.READY, reason=None, url=None, ready_replicas=0)
        assert [one.status for one in deployments.running("fake")] == [DeploymentStatus.PENDING]


class TestPage:
    def test_without_a_status_the_stopped_ones_are_left_out(
        self, create: Create, deployments: DeploymentService, alice: Principal
    ) -> None:
        stays, goes = create("job-1"), create("job-2")
        move(deployments, goes, DeploymentStatus.DRAINING, DeploymentStatus.STOPPED)
        assert [one.deployment_id for one in deployments.page(alice).items] == [stays.deployment_id]
        stopped = deployments.page(alice, status=DeploymentStatus.STOPPED).items
        assert [one.deployment_id for one in stopped] == [goes.deployment_id]
        assert deployments.count_by_status(alice) == {"pending": 1, "stopped": 1}
        assert deployments.running("fake") == [stays]

    def test_pages_give_every_one_once_and_the_newest_first(
        self, create: Create, deployments: DeploymentService, alice: Principal, clock: ManualClock
    ) -> None:
        made = []
        for number in range(5):
            made.append(create(f"job-{number}").deployment_id)
            clock.sleep(number % 2)
        seen, cursor = [], None
        for _ in range(3):
            page = deployments.page(alice, limit=2, cursor=cursor)
            seen += [(one.created_at, one.deployment_id) for one in page.items]
            cursor = page.next_cursor
        assert cursor is None
        assert seen == sorted(seen, reverse=True)
        assert sorted(deployment_id for _, deployment_id in seen) == sorted(made)

    def test_filters_hold_together(self, create: Create, deployments: DeploymentService, alice: Principal) -> None:
        create("job-1", namespace="team-a")
        wanted = create("job-2", namespace="team-b")
        page = deployments.page(alice, namespace="team-b", model_name="iris", status=DeploymentStatus.PENDING)
        assert [one.deployment_id for one in page.items] == [wanted.deployment_id]
        assert deployments.page(alice, namespace="team-b", model_name="other").items == []
