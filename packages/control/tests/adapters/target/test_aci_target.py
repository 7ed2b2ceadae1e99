"""What is special in Azure Container Instances, over a resource manager that behaves as Azure's documents say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure_world import OPTIONS, AzureWorld
from balanced_replicas import Load

from modelyard.adapters.target.aci import AciTarget
from modelyard.adapters.target.context import TargetContext
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.target import (
    BundleArtifact,
    LimitsCpu,
    OffersGpus,
    Resources,
    RunsImages,
    ServerKey,
    ServerSpec,
    ServerState,
    Target,
)

MakeAciTarget = Callable[..., AciTarget]
Until = Callable[..., None]
Remove = Callable[[Target, str], None]
GIGABYTE = 1024**3


@pytest.fixture
def target(make_aci_target: MakeAciTarget) -> AciTarget:
    return make_aci_target()


@pytest.fixture
def spec(group_spec: ServerSpec) -> ServerSpec:
    return group_spec


def reconcile(target: Target, spec: ServerSpec) -> ServerState:
    """One pass: apply what is not as it shall be. What it does."""
    seen = target.observe(spec.deployment_id, spec.generation)
    if seen.fingerprint != spec.fingerprint:
        target.apply(spec)
    return seen.state


def is_as_specified(target: Target, spec: ServerSpec) -> bool:
    reconcile(target, spec)
    seen = target.observe(spec.deployment_id, spec.generation)
    return seen.state is ServerState.READY and seen.fingerprint == spec.fingerprint


class TestGroups:
    def test_a_group_is_asked_for_with_what_it_needs_and_gives_no_secret_back(
        self, make_aci_target: MakeAciTarget, azure: AzureWorld, spec: ServerSpec, until: Until, tmp_path: Path
    ) -> None:
        password = tmp_path / "password"
        password.write_text("of-the-registry\n")
        registry = {"server": "example.azurecr.io", "username": "pull", "password_file": str(password)}
        target = make_aci_target(registry=registry)
        asked = replace(
            spec,
            resources=Resources(cpu=0.5, memory_bytes=int(1.23 * GIGABYTE)),
            environment={"KEY": "of-the-model"},
            labels={"app.kubernetes.io/name": "x-inference", "modelyard.installation": "another"},
        )
        until(lambda: is_as_specified(target, asked), seconds=60)
        (group,) = azure.service.groups.values()
        assert group.body["tags"]["app.kubernetes.io.name"] == "x-inference"
        assert group.body["tags"]["modelyard.installation"] == "this"
        properties = group.body["properties"]
        assert properties["restartPolicy"] == "Always"
        assert properties["imageRegistryCredentials"][0]["password"] == "of-the-registry"
        container = properties["containers"][0]["properties"]
        assert container["image"].endswith("@sha256:" + "a" * 64)
        assert container["resources"]["requests"] == {"cpu": 0.5, "memoryInGB": 1.3}
        assert "command" not in container
        assert {"name": "KEY", "secureValue": "of-the-model"} in container["environmentVariables"]
        kept = "".join(path.read_text() for path in azure.home.root.glob("targets/**/*.json"))
        assert "of-the-model" not in kept + str(group.view(with_instance=True))

    def test_one_that_azure_does_not_make_after_all_says_why_also_to_another_control_plane(
        self, make_aci_target: MakeAciTarget, azure: AzureWorld, spec: ServerSpec, until: Until
    ) -> None:
        azure.service.refusal = "the region has no cores left"
        make_aci_target().apply(spec)
        until(lambda: not azure.service.groups)
        again = make_aci_target()
        with pytest.raises(Unavailable, match=r"Azure did not make the container group: .*no cores left"):
            until(lambda: again.apply(spec))
        assert len(azure.service.puts) == len(set(azure.service.puts))  # It is not asked again and again.

    def test_one_whose_container_ends_says_how(
        self, target: AciTarget, azure: AzureWorld, spec: ServerSpec, until: Until
    ) -> None:
        until(lambda: is_as_specified(target, spec), seconds=60)
        (group,) = azure.service.groups.values()
        group.crash(3)
        until(lambda: reconcile(target, spec) is ServerState.FAILED)
        assert target.observe("d-1", 1).reason == "Error: it ended with exit code 3"

    def test_one_that_cannot_be_made_shows_the_warning_of_azure_and_is_replaced(
        self,
        target: AciTarget,
        azure: AzureWorld,
        spec: ServerSpec,
        until: Until,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        until(lambda: is_as_specified(target, spec), seconds=60)
        (group,) = azure.service.groups.values()
        group.end()
        group.provisioning = "Failed"
        group.events = [{"type": "Warning", "name": "FailedMount", "message": "the volume is not there"}]
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED)
        assert target.observe("d-1", 1).reason == "FailedMount: the volume is not there"
        monkeypatch.setattr("modelyard.adapters.target.aci.replicas._GIVEN_UP_SECONDS", 0)
        until(lambda: is_as_specified(target, spec), seconds=60)  # By another group: Azure does not try it again.
        assert [one is not group for one in azure.service.groups.values()] == [True]

    def test_one_that_somebody_stops_is_started_again_and_never_put_again(
        self, target: AciTarget, azure: AzureWorld, spec: ServerSpec, until: Until
    ) -> None:
        until(lambda: is_as_specified(target, spec), seconds=60)
        (name,) = azure.service.groups
        azure.service.stop(name)
        until(lambda: is_as_specified(target, spec), seconds=60)
        assert azure.service.puts.count(name) == 1

    def test_groups_of_others_are_not_touched(
        self, target: AciTarget, azure: AzureWorld, spec: ServerSpec, until: Until, remove: Remove
    ) -> None:
        body = {"location": "westeurope", "properties": {"containers": [], "ipAddress": {"type": "Public"}}}
        azure.service.put("stranger", body)
        until(lambda: is_as_specified(target, spec), seconds=60)
        assert {key.deployment_id for key in target.observe_all()} == {"d-1"}
        remove(target, "d-1")
        assert set(azure.service.groups) == {"stranger"}
        azure.service.groups.pop("stranger").end()


class TestChanges:
    def test_a_replacement_is_a_new_group_before_the_old_one_goes_and_no_request_is_lost(
        self, target: AciTarget, azure: AzureWorld, spec: ServerSpec, until: Until
    ) -> None:
        until(lambda: is_as_specified(target, spec), seconds=60)
        second = replace(spec, generation=2, version=2)
        with Load(f"{target.observe('d-1', 1).url}/predict") as load:
            until(lambda: is_as_specified(target, replace(spec, replicas=2)), seconds=60)
            until(lambda: is_as_specified(target, spec), seconds=60)
            until(lambda: is_as_specified(target, replace(spec, resources=Resources(cpu=2))), seconds=60)
            until(lambda: is_as_specified(target, second), seconds=60)

            def is_retired() -> bool:
                target.retire("d-1", 1)
                return ServerKey("d-1", 1) not in target.observe_all()

            until(is_retired)
        assert load.lost == {}
        assert load.answers["200"] > 100


class TestAzureAway:
    def test_one_that_asks_to_be_asked_later_is_left_alone_for_so_long(
        self, target: AciTarget, azure: AzureWorld, spec: ServerSpec, until: Until
    ) -> None:
        until(lambda: is_as_specified(target, spec), seconds=60)
        url = target.observe("d-1", 1).url
        azure.service.throttles = True
        with pytest.raises(Unavailable, match="TooManyRequests"):
            target.observe_all()
        azure.service.throttles = False
        with pytest.raises(Unavailable, match="Azure asks to be asked later"):
            target.observe_all()
        assert httpx.get(f"{url}/").is_success
        until(lambda: _answers(target))
        assert target.observe("d-1", 1).state is ServerState.READY

    def test_one_that_does_not_let_us_in_is_said_so(self, make_aci_target: MakeAciTarget, azure: AzureWorld) -> None:
        stranger = azure.target("strange", token="wrong")
        with pytest.raises(Unavailable, match="Azure does not let us in") as refused:
            stranger.observe_all()
        assert refused.value.code == "target_forbidden"
        elsewhere = azure.target("elsewhere", resource_group="other")
        with pytest.raises(Unavailable, match="Resource group 'other' could not be found"):
            elsewhere.observe_all()
        for target in (stranger, elsewhere):
            azure.made.remove(target)
            target.close()


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"is_public": False}, "subnet_id: expected a subnet, or is_public: true where everybody may predict"),
            ({"registry": {"server": "a.azurecr.io"}}, "registry: expected either identity, or username and"),
            ({"resource_manager": "http://example"}, "resource_manager: expected text that matches"),
            ({"location": "West Europe"}, "location: expected text that matches"),
            ({"gpu": 1}, "gpu: expected no such field"),
        ],
    )
    def test_what_is_wrong_is_refused_with_the_name_of_the_target(self, options: dict[str, Any], said: str) -> None:
        context: TargetContext = None  # type: ignore[assignment]  # It is not looked at before the options.
        with pytest.raises(Invalid, match="MODELYARD_TARGETS: the target 'west'") as refused:
            AciTarget.configured("west", OPTIONS | options, context)
        assert said in refused.value.message

    def test_what_it_cannot_do_is_no_ability_of_it(self, target: AciTarget, spec: ServerSpec) -> None:
        assert isinstance(target, RunsImages)
        assert target.pulls
        assert isinstance(target, LimitsCpu)
        assert target.most_cpu == 4
        assert not isinstance(target, OffersGpus)
        with pytest.raises(Invalid, match="this target runs images, got a bundle"):
            target.apply(replace(spec, artifact=BundleArtifact("a/b/1", "0" * 64, "0" * 64)))


def _answers(target: Target) -> bool:
    try:
        target.observe_all()
    except Unavailable:
        return False
    return True
