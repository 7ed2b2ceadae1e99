"""The plug-in against a control plane with a scripted state, by the names that MLflow calls."""

import pytest
from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException
from modelyard_standin import TOKEN, StandIn, deployment

from modelyard_client.mlflow_deployments import ModelyardDeployments, run_local


@pytest.fixture
def plugin(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> ModelyardDeployments:
    monkeypatch.setenv("MODELYARD_TOKEN", TOKEN)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)  # Of a test before this one.
    found = get_deploy_client(f"modelyard:/{standin.url}")  # type: ignore[no-untyped-call]  # MLflow's own.
    assert isinstance(found, ModelyardDeployments)
    return found


class TestNames:
    def test_a_deployment_goes_by_its_model_and_in_another_namespace_by_both(
        self, plugin: ModelyardDeployments, standin: StandIn
    ) -> None:
        standin.deployments = {
            "dep-1": [deployment("dep-1")],
            "dep-2": [deployment("dep-2", namespace="team-a")],
        }

        assert {each["name"]: each["deployment_id"] for each in plugin.list_deployments()} == {
            "churn": "dep-1",
            "team-a/churn": "dep-2",
        }
        assert plugin.get_deployment("team-a/churn")["deployment_id"] == "dep-2"

    def test_two_in_one_place_go_by_their_ids(self, plugin: ModelyardDeployments, standin: StandIn) -> None:
        standin.deployments = {
            name: [deployment(name, model_version=number)] for number, name in enumerate(("dep-1", "dep-2"), start=1)
        }

        assert sorted(each["name"] for each in plugin.list_deployments()) == ["dep-1", "dep-2"]
        assert plugin.get_deployment("dep-2")["model_uri"] == "models:/churn/2"
        with pytest.raises(MlflowException, match=r"dep-1 \(version 1\), dep-2 \(version 2\)") as refused:
            plugin.get_deployment("churn")
        assert refused.value.error_code == "RESOURCE_CONFLICT"


class TestRefusals:
    def test_a_name_that_is_taken_is_refused_as_mlflow_promises(
        self, plugin: ModelyardDeployments, standin: StandIn
    ) -> None:
        standin.deployments = {"dep-1": [deployment("dep-1")]}

        with pytest.raises(MlflowException, match="there is a deployment 'churn' already") as refused:
            plugin.create_deployment("churn", "models:/churn/1")
        assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"

    def test_a_version_of_another_model_is_refused(self, plugin: ModelyardDeployments) -> None:
        with pytest.raises(MlflowException, match=r"expected a version of 'churn'.*got one of 'fraud'"):
            plugin.create_deployment("churn", "models:/fraud/1")

    def test_a_flavor_is_refused_since_none_can_be_chosen(self, plugin: ModelyardDeployments) -> None:
        with pytest.raises(MlflowException, match="flavor: expected none"):
            plugin.create_deployment("churn", "models:/churn/1", flavor="sklearn")

    def test_two_namespaces_are_refused(self, plugin: ModelyardDeployments) -> None:
        with pytest.raises(MlflowException, match="config namespace: expected 'team-a'"):
            plugin.create_deployment("team-a/churn", "models:/churn/1", config={"namespace": "team-b"})

    def test_an_endpoint_needs_a_deployment_that_is_waited_for(self, plugin: ModelyardDeployments) -> None:
        with pytest.raises(MlflowException, match="config wait: expected true with an endpoint"):
            plugin.create_deployment("churn", "models:/churn/1", config={"wait": "false"}, endpoint="churn-v1")

    def test_what_is_not_there_is_deleted_already(self, plugin: ModelyardDeployments) -> None:
        plugin.delete_deployment("nobody")

    def test_what_is_not_there_has_mlflows_code(self, plugin: ModelyardDeployments) -> None:
        with pytest.raises(MlflowException, match="there is no deployment 'nobody'") as refused:
            plugin.get_deployment("nobody")
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"

    def test_run_local_is_for_this_machine(self) -> None:
        with pytest.raises(MlflowException, match="run-local: expected the stack of this machine"):
            run_local("modelyard:/https://modelyard.example.com", "churn", "models:/churn/1")
