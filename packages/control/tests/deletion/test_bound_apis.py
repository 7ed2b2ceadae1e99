"""What APIs of the gateway lead to is not taken away from under their callers."""

from typing import Any

import pytest
from deletion_world import ALICE, World

from modelyard.deletion.domain import DeleteMode
from modelyard.deployments.states import DesiredState
from modelyard.errors import Conflict
from modelyard.gateway.domain import Target
from modelyard.gateway.service import NewApi
from modelyard.gateway.states import ApiStatus
from modelyard.jobs.states import JobStatus
from modelyard.registry.states import Stage

NOTHING = DeleteMode.NOTHING


def bind(world: World, target: Target, api_id: str = "scores", *, is_released: bool = True) -> None:
    """An API that leads there."""
    world.control.apis.apis.create_api(
        ALICE,
        NewApi(
            api_id=api_id,
            display_name=api_id,
            description="",
            path=api_id,
            api_version=None,
            version_set_id=None,
            protocols=["http", "https"],
            subscription_required=False,
            key_header="Ocp-Apim-Subscription-Key",
            key_query="subscription-key",
            target=target,
            timeout_seconds=None,
        ),
    )
    if is_released:
        world.control.apis.releases.release(ALICE, api_id, release_id=None, revision=1, notes="")


def refused(world: World, version: int | None) -> str:
    with pytest.raises(Conflict) as stopped:
        world.ask(version, NOTHING)
    assert stopped.value.code == "deletion_blocked"
    return stopped.value.message


class TestDeleting:
    def test_a_version_that_an_api_names_by_number_stage_or_deployment_stays(self, world: World) -> None:
        world.register()
        world.go_to(world.register(), Stage.STAGING)
        deployed = world.deploy(world.register())
        bind(world, Target(model_name="iris", version=1), "by-number")
        bind(world, Target(model_name="iris", stage=Stage.STAGING), "by-stage")
        bind(world, Target(deployment_id=deployed.deployment_id), "by-deployment")
        for version, api_id in ((1, "by-number"), (2, "by-stage"), (3, "by-deployment")):
            expected = f"the current revision of the API '{api_id}' leads to it"
            assert refused(world, version) == f"version {version} of 'iris' cannot be deleted: {expected}"

    def test_a_model_names_every_api_that_leads_to_it(self, world: World) -> None:
        world.register()
        bind(world, Target(model_name="iris"), "whole")
        bind(world, Target(model_name="iris", version=1), "first")
        assert all(f"API '{each}' leads to it" in refused(world, None) for each in ("whole", "first"))

    def test_what_no_caller_gets_stops_nothing(self, world: World) -> None:
        for _ in range(3):
            world.register()
        world.register(name="other")
        bind(world, Target(model_name="iris"), "whole")
        bind(world, Target(model_name="iris", version=1), "unreleased", is_released=False)
        bind(world, Target(model_name="iris", version=2), "retired")
        world.control.apis.apis.change_api(ALICE, "retired", {"status": ApiStatus.RETIRED})
        for version in (1, 2, 3):
            assert world.delete(version, NOTHING).status is JobStatus.SUCCEEDED
        assert world.delete(None, NOTHING, name="other").status is JobStatus.SUCCEEDED


class TestUndeploying:
    def test_a_deployment_that_an_api_names_stays_unless_it_is_forced(self, world: World) -> None:
        deployed = world.deploy(world.register())
        bind(world, Target(deployment_id=deployed.deployment_id))
        verbs, serving = world.control.deployment_parts.verbs, world.control.deletion.serving
        asked: dict[str, Any] = {"target": None, "namespace": None, "idempotency_key": None}
        for undeploy in (
            lambda: verbs.undeploy(ALICE, deployed.deployment_id, forces=False),
            lambda: serving.undeploy(ALICE, "iris", 1, forces=False, **asked),
        ):
            with pytest.raises(Conflict, match="the API 'scores' leads to deployment") as refused:
                undeploy()
            assert refused.value.code == "deployment_bound"
        assert serving.undeploy(ALICE, "iris", 1, forces=True, **asked).kind.name == "undeployment"
        forced = verbs.undeploy(ALICE, deployed.deployment_id, forces=True)
        assert forced.desired_state is DesiredState.STOPPED
