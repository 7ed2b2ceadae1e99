"""Deployments on several targets at once. They are made of settings alone, as an operator writes them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi.testclient import TestClient
from reconciling import reconcile
from sqlite_schema import lay_schema

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.target import TARGETS, target_type
from modelyard.adapters.target.fake import FakeTarget
from modelyard.deployments import store
from modelyard.deployments.installation import installation_of
from modelyard.deployments.settings import DeploymentSettings
from modelyard.deployments.targets import Targets
from modelyard.errors import Invalid
from modelyard.main import Adapters, ControlPlane
from modelyard.main.adapters import targets_of
from modelyard.ports.target import Autoscaling
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.settings import Settings
from modelyard.storage import StorageSettings

PATH = "/api/v1/deployments"
TRAIN = {"script_name": "train.py", "script_content": "import mlflow", "model_name": "iris"}
Json = dict[str, Any]


class Yard:
    """A control plane with two targets, which makes passes whenever a job waits."""

    def __init__(self, control: ControlPlane, engine: InlineJobEngine) -> None:
        self.control = control
        self.client = TestClient(control.app())
        self._engine = engine

    def settle(self) -> None:
        for reconciler in self.control.deployment_parts.reconcilers:
            for deployment in self.control.deployments.running(reconciler.target_name):
                reconcile(reconciler, deployment)

    def deploy(self, **body: Any) -> Json:
        """Ask, work the job off, and look at the deployment."""
        answer = self.client.post(PATH, json={"model_name": "iris", **body})
        assert answer.status_code == 202, answer.text
        job = self.client.get(f"/mlops/jobs/{self._engine.run_next()}").json()
        assert job["status"] == "succeeded", job
        return self.look(job["deployment_id"])

    def look(self, deployment_id: str) -> Json:
        found: Json = self.client.get(f"{PATH}/{deployment_id}").json()
        return found

    def target(self, name: str) -> FakeTarget:
        found = self.control.deployment_parts.targets.find(name)
        assert isinstance(found, FakeTarget)
        return found

    def servers(self) -> tuple[set[str], set[str]]:
        """The deployments that have servers here, and there."""
        return set(self.target("here").deployment_ids()), set(self.target("there").deployment_ids())


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MODELYARD_TARGETS", json.dumps({"here": {"type": "fake"}, "there": {"type": "fake"}}))
    monkeypatch.setenv("MODELYARD_AUTH", "false")
    monkeypatch.setenv("MODELYARD_ALLOWED_HOSTS", "testserver")
    return Settings(storage=StorageSettings(home=tmp_path / "home"))


@pytest.fixture
def yard(
    settings: Settings,
    adapters: Adapters,
    engine: InlineJobEngine,
    clock: ManualClock,
    alice: Principal,
    log_model: Callable[..., LoggedModel],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Yard]:
    """Two versions of `iris`, none deployed."""
    lay_schema(settings.storage.places)
    control = ControlPlane(settings, replace(adapters, targets=targets_of(settings)))
    for _ in range(2):
        control.registry.register(alice, model_name="iris", logged=log_model())
    yard = Yard(control, engine)
    sleep = clock.sleep

    def sleep_and_settle(seconds: float) -> None:
        sleep(seconds)
        yard.settle()

    monkeypatch.setattr(clock, "sleep", sleep_and_settle)
    yield yard
    for reconciler in control.deployment_parts.reconcilers:
        reconciler.stop()
    control.database.close()


class TestTwoTargets:
    def test_a_version_serves_on_both_at_once_and_each_is_the_same_deployment_there(self, yard: Yard) -> None:
        here = yard.deploy(version=1)
        there = yard.deploy(version=1, target="there")
        assert (here["target"], here["status"]) == ("here", "ready")
        assert (there["target"], there["status"]) == ("there", "ready")
        assert yard.servers() == ({here["deployment_id"]}, {there["deployment_id"]})
        assert yard.deploy(version=1, target="there")["deployment_id"] == there["deployment_id"]
        assert yard.deploy(version=1)["deployment_id"] == here["deployment_id"]
        listed = yard.client.get(PATH, params={"target": "there"}).json()["deployments"]
        assert [one["deployment_id"] for one in listed] == [there["deployment_id"]]
        lineage = yard.client.get("/api/v1/ml/registry/models/iris/versions/1/lineage").json()
        assert {one["target"] for one in lineage["deployments"]} == {"here", "there"}

    def test_a_replacement_stays_on_its_target(self, yard: Yard) -> None:
        here = yard.deploy(version=1)
        there = yard.deploy(version=1, target="there")
        replaced = yard.deploy(version=2, target="there", replace=True)
        assert (replaced["deployment_id"], replaced["model_version"]) == (there["deployment_id"], 2)
        assert yard.look(here["deployment_id"])["model_version"] == 1
        assert yard.target("there").generations(there["deployment_id"]) == [2]
        ambiguous = yard.client.post(PATH, json={"model_name": "iris", "version": 2, "replace": True}).json()
        assert ambiguous["code"] == "deployment_ambiguous"

    def test_undeploying_leaves_the_other_target_alone(self, yard: Yard) -> None:
        here = yard.deploy(version=1)
        there = yard.deploy(version=1, target="there")
        yard.client.delete(f"{PATH}/{here['deployment_id']}")
        for _ in range(3):
            yard.settle()
        assert yard.look(here["deployment_id"])["status"] == "stopped"
        assert yard.servers() == (set(), {there["deployment_id"]})

    def test_one_that_is_away_holds_up_no_other_and_is_named_in_the_status(self, yard: Yard) -> None:
        there = yard.deploy(version=1, target="there")
        yard.target("there").is_answering = False
        for reconciler in yard.control.deployment_parts.reconcilers:
            if reconciler.target_name == "here":
                reconciler.pass_over_all()
        assert yard.look(there["deployment_id"])["replica_states"] == []
        component = yard.client.get("/mlops/status").json()["components"]["target"]
        assert component["status"] == "unavailable"
        assert component["detail"] == "here: 0 model servers; there: The target does not answer."

    def test_deleting_a_model_takes_its_servers_away_on_both(self, yard: Yard) -> None:
        yard.deploy(version=1)
        yard.deploy(version=1, target="there")
        answer = yard.client.delete("/api/v1/modelserving/models/iris/versions/1")
        assert answer.status_code == 202, answer.text
        yard._engine.run_next()
        for _ in range(3):
            yard.settle()
        assert yard.servers() == (set(), set())


class TestWhatATargetCannotHonour:
    @pytest.mark.parametrize("path", [PATH, "/mlops/deploy"])
    @pytest.mark.parametrize(
        ("body", "code", "field", "message"),
        [
            (
                {"target": "moon"},
                "target_unknown",
                "target",
                "target: expected one of the configured targets ('here', 'there'), got 'moon'",
            ),
            (
                {"target": "there", "resources": {"gpus": 1}},
                "target_field_unsupported",
                "resources.gpus",
                "resources.gpus: the target 'there' cannot honour it, got 1",
            ),
            (
                {"resources": {"cpu": 0.5}},
                "target_field_unsupported",
                "resources.cpu",
                "resources.cpu: the target 'here' cannot honour it, got 0.5",
            ),
        ],
    )
    def test_it_is_refused_by_name_and_nothing_is_written(
        self, yard: Yard, path: str, body: Json, code: str, field: str, message: str
    ) -> None:
        given = TRAIN if path == "/mlops/deploy" else {"model_name": "iris"}
        answer = yard.client.post(path, json={**given, **body})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, code, field)
        assert message in answer.json()["error"]
        assert yard.client.get("/mlops/jobs").json()["jobs"] == []

    def test_a_number_that_is_none_is_refused_with_its_field(self, yard: Yard) -> None:
        for resources in ({"memory_mb": 0}, {"memory_mb": 1e300}, {"gpus": 1.5}, {"ram": 1}):
            answer = yard.client.post(PATH, json={"model_name": "iris", "resources": resources}).json()
            assert answer["field"] == f"resources.{next(iter(resources))}", answer

    def test_what_it_can_honour_reaches_it_and_stays_with_the_deployment(self, yard: Yard) -> None:
        made = yard.deploy(version=1, resources={"memory_mb": 300})
        assert made["resources"] == {"memory_bytes": 300 * 2**20}
        assert yard.target("here").spec(made["deployment_id"], 1).resources.memory_bytes == 300 * 2**20
        other = {"model_name": "iris", "version": 1, "resources": {"memory_mb": 400}}
        assert yard.client.post(PATH, json=other).json()["code"] == "resources_fixed"
        assert yard.client.post(PATH, json={**other, "version": 2, "replace": True}).json()["code"] == "resources_fixed"

    def test_resources_are_checked_against_the_target_of_the_deployment_that_serves(
        self, yard: Yard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(yard.target("there"), "most_cpu", 4.0, raising=False)
        asked = {"version": 1, "resources": {"cpu": 2}}
        made = yard.deploy(target="there", **asked)
        assert yard.deploy(**asked)["deployment_id"] == made["deployment_id"]

    def test_they_are_checked_again_when_the_deployment_is_made(
        self, yard: Yard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as before:
            before.setattr(yard.target("there"), "most_cpu", 4.0, raising=False)
            asked = {"model_name": "iris", "target": "there", "resources": {"cpu": 2}}
            assert yard.client.post(PATH, json=asked).status_code == 202
        job = yard.client.get(f"/mlops/jobs/{yard._engine.run_next()}").json()
        assert (job["status"], job["error"]["code"]) == ("failed", "target_field_unsupported")
        assert yard.client.get(PATH).json()["deployments"] == []


class TestATargetThatIsNotConfiguredAnyMore:
    def test_its_deployments_say_so_and_cannot_be_changed(
        self, yard: Yard, settings: Settings, adapters: Adapters, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = f"{PATH}/{yard.deploy(version=1, target='there')['deployment_id']}"
        here = f"{PATH}/{yard.deploy(version=1, target='here')['deployment_id']}"
        left = ControlPlane(settings, replace(adapters, targets={"here": yard.target("here")}))
        left.deployments.note_unconfigured_targets()
        client = TestClient(left.app())
        assert client.get(there).json()["reason"].startswith("the target 'there' is not configured")
        assert client.get(here).json()["reason"] is None
        for answer in (client.delete(there), client.patch(there, json={"replicas": 2})):
            assert (answer.status_code, answer.json()["code"]) == (409, "target_not_configured"), answer.text
        assert client.delete(here).status_code == 202

        yard.settle()
        assert yard.client.get(there).json()["reason"] is None
        left.database.close()


class TestConfiguration:
    def test_every_type_of_the_dictionary_can_be_had(self) -> None:
        assert all(callable(target_type(name).configured) for name in TARGETS)

    @pytest.mark.parametrize(
        ("configured", "message"),
        [
            ({"moon": {}}, f"expected a type of {', '.join(repr(name) for name in sorted(TARGETS))}, got 'moon'"),
            ({"local": {"color": "red"}}, "the target 'local': color: expected no such field"),
            ({"local": {"host": "0.0.0.0"}}, "the target 'local': url_host: expected the name of this machine"),
            ({"laptop": {"type": "local"}}, "the only target of type 'local' must be named 'local', got 'laptop'"),
        ],
    )
    def test_what_the_operator_wrote_wrongly_is_reported(self, tmp_path: Path, configured: Json, message: str) -> None:
        with pytest.raises(Invalid, match="MODELYARD_TARGETS") as caught:
            targets_of(
                Settings(storage=StorageSettings(home=tmp_path), deployments=DeploymentSettings(targets=configured))
            )
        assert message in caught.value.message

    @pytest.mark.parametrize("configured", [{}, {"Moon": {}}, {"a/b": {}}, {"a" * 41: {}}])
    def test_a_name_is_a_short_label(self, configured: Json) -> None:
        with pytest.raises(Invalid, match="expected one target or more by names of"):
            DeploymentSettings(targets=configured)

    def test_an_installation_has_one_id_for_good(self, tmp_path: Path, yard: Yard, settings: Settings) -> None:
        first, second = installation_of(settings.storage.database), installation_of(settings.storage.database)
        assert first() == second() == first()
        assert len(first()) == 32


class TestLogs:
    def test_of_a_target_that_keeps_none_they_are_said_to_be_missing(
        self, yard: Yard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = yard.deploy(version=1)
        assert yard.client.get(f"{PATH}/{made['deployment_id']}/logs").text == "serving version 1\n"
        monkeypatch.setattr(Targets, "find", lambda *_: None)
        answer = yard.client.get(f"{PATH}/{made['deployment_id']}/logs")
        assert (answer.status_code, answer.json()["code"]) == (404, "log_not_kept")


class TestAutoscaling:
    BOUNDS: ClassVar[Json] = {"min_replicas": 2, "max_replicas": 5, "cpu_percent": 60}

    @pytest.fixture
    def scaling_yard(self, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Yard:
        """One whose targets can choose a number of replicas."""
        monkeypatch.setattr(FakeTarget, "why_no_autoscaling", lambda _: None, raising=False)
        return yard

    def test_a_target_that_cannot_choose_refuses_it_by_name(self, yard: Yard) -> None:
        answer = yard.client.post(PATH, json={"model_name": "iris", "autoscaling": self.BOUNDS}).json()
        assert (answer["code"], answer["field"]) == ("target_field_unsupported", "autoscaling")
        asked = {**TRAIN, "autoscaling": self.BOUNDS}
        assert yard.client.post("/mlops/deploy", json=asked).json()["code"] == "target_field_unsupported"

    def test_one_that_cannot_now_says_why(self, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FakeTarget, "why_no_autoscaling", lambda _: "its cluster is too old", raising=False)
        answer = yard.client.post(PATH, json={"model_name": "iris", "autoscaling": self.BOUNDS}).json()
        assert answer["error"] == "autoscaling: the target 'here' cannot honour it: its cluster is too old"

    def test_bounds_that_are_none_are_refused(self, scaling_yard: Yard) -> None:
        for bounds in (
            {"min_replicas": 3, "max_replicas": 2},
            {"max_replicas": 65},
            {"min_replicas": 1},
            {"max_replicas": 0},
        ):
            answer = scaling_yard.client.post(PATH, json={"model_name": "iris", "autoscaling": bounds})
            assert answer.status_code == 400, answer.text
            assert answer.json()["field"].startswith("autoscaling")

    def test_the_spec_has_the_bounds_until_they_are_taken_away(self, scaling_yard: Yard) -> None:
        yard = scaling_yard
        made = yard.deploy(version=1, replicas=2, autoscaling=self.BOUNDS)
        where = f"{PATH}/{made['deployment_id']}"
        assert made["autoscaling"] == self.BOUNDS
        spec = yard.target("here").spec(made["deployment_id"], 1)
        assert spec.autoscaling == Autoscaling(2, 5, 60)
        refused = yard.client.patch(where, json={"replicas": 3})
        assert (refused.status_code, refused.json()["code"]) == (409, "deployment_autoscaled")
        changed = yard.client.patch(where, json={"autoscaling": {"max_replicas": 9}}).json()
        assert changed["autoscaling"] == {"min_replicas": 1, "max_replicas": 9, "cpu_percent": 80}
        for beside in ({"replicas": 3}, {"version": 2}):
            answer = yard.client.patch(where, json={"autoscaling": self.BOUNDS, **beside}).json()
            assert answer["code"] == "change_contradictory"
        ended = yard.client.patch(where, json={"autoscaling": None, "replicas": 3}).json()
        assert (ended["autoscaling"], ended["replicas"]) == (None, 3)
        yard.settle()
        assert yard.target("here").spec(made["deployment_id"], 1).autoscaling is None

    def test_a_deployment_that_is_there_gets_the_bounds_of_the_request(self, scaling_yard: Yard) -> None:
        made = scaling_yard.deploy(version=1)
        again = scaling_yard.deploy(version=1, autoscaling=self.BOUNDS)
        assert again["deployment_id"] == made["deployment_id"]
        assert again["autoscaling"] == self.BOUNDS

    def test_a_quota_counts_the_most_that_there_may_be(self, scaling_yard: Yard, alice: Principal) -> None:
        scaling_yard.deploy(version=1, replicas=2, autoscaling=self.BOUNDS)
        with scaling_yard.control.database.read() as connection:
            assert store.count_replicas(connection, alice.tenant_id) == 5
