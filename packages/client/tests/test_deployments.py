import pytest
from modelyard_standin import TOKEN, StandIn, deployment

from modelyard_client import Client, Script
from modelyard_client.autoscaling import Autoscaling
from modelyard_client.errors import Conflict, NotFound, Unavailable

SCRIPT = Script("train_churn.py", "print('hi')\n")


class TestFind:
    def test_an_id_is_found(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment()], "dep-2": [deployment("dep-2")]}
        assert client.deployments.find("dep-2").deployment_id == "dep-2"

    def test_the_only_deployment_of_a_model_is_found_by_the_models_name(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment()], "dep-2": [deployment("dep-2", model_name="other")]}
        assert client.deployments.find("churn").deployment_id == "dep-1"

    def test_a_version_chooses_among_several(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment()], "dep-2": [deployment("dep-2", model_version=2)]}
        assert client.deployments.find("churn", version=2).deployment_id == "dep-2"

    def test_several_without_a_choice_are_named(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment()], "dep-2": [deployment("dep-2", model_version=2)]}
        with pytest.raises(Conflict, match=r"churn: dep-1 \(version 1\), dep-2 \(version 2\)$"):
            client.deployments.find("churn")

    def test_one_that_failed_does_not_hide_one_that_lives(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment(status="failed")], "dep-2": [deployment("dep-2")]}
        assert client.deployments.find("churn").deployment_id == "dep-2"

    def test_one_that_failed_is_found_when_there_is_no_other(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment(status="failed")]}
        assert client.deployments.find("churn").deployment_id == "dep-1"

    def test_none_is_not_found(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment()]}
        with pytest.raises(NotFound, match=r"^there is no deployment of version 3 of churn$"):
            client.deployments.find("churn", version=3)

    def test_an_id_of_another_version_is_not_found(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment()]}
        with pytest.raises(NotFound):
            client.deployments.find("dep-1", version=3)


class TestCreate:
    def test_a_version_is_deployed_under_a_key(self, standin: StandIn, client: Client) -> None:
        client.deployments.create("churn", version=3, replicas=2)
        sent = standin.seen[0]
        assert sent.path == "/api/v1/deployments"
        assert sent.json == {"model_name": "churn", "version": 3, "replicas": 2}
        assert sent.headers["idempotency-key"]

    def test_a_script_is_deployed_under_its_own_name(self, standin: StandIn, client: Client) -> None:
        client.deployments.create_from_script(SCRIPT, requirements=["mlflow"], replicas=2)
        assert standin.seen[0].path == "/mlops/deploy"
        assert standin.seen[0].json == {
            "script_name": "train_churn.py",
            "script_content": SCRIPT.content,
            "requirements": ["mlflow"],
            "model_name": "train-churn",
            "replicas": 2,
        }


class TestScaleAndRemove:
    def test_scaling_is_over_when_exactly_the_wanted_replicas_answer(self, standin: StandIn, client: Client) -> None:
        standin.deployments["dep-1"] = [
            deployment(),
            deployment(status="degraded", ready_replicas=2),
            deployment(ready_replicas=3),
        ]
        client.deployments.scale("dep-1", replicas=3)
        reported: list[tuple[str, int]] = []
        ready = client.deployments.wait_until_ready(
            "dep-1", on_change=lambda each: reported.append((each.status, each.ready_replicas))
        )
        assert (ready.replicas, ready.ready_replicas) == (3, 3)
        assert reported == [("ready", 1), ("degraded", 2), ("ready", 3)]

    def test_a_target_that_chooses_how_many_is_ready_with_any_number(self, standin: StandIn, client: Client) -> None:
        standin.deployments["dep-1"] = [deployment(ready_replicas=4)]
        bounds = Autoscaling(min_replicas=2, max_replicas=6)
        assert client.deployments.autoscale("dep-1", bounds).autoscaling == bounds
        assert standin.seen[-1].json == {"autoscaling": {"min_replicas": 2, "max_replicas": 6, "cpu_percent": 80}}
        assert client.deployments.wait_until_ready("dep-1").ready_replicas == 4
        assert client.deployments.autoscale("dep-1", None).autoscaling is None

    def test_a_deployment_that_fails_ends_the_wait(self, standin: StandIn, client: Client) -> None:
        standin.deployments["dep-1"] = [deployment(status="starting"), deployment(status="failed", reason="killed")]
        assert client.deployments.wait_until_ready("dep-1").reason == "killed"

    def test_removing_drains_and_then_stops(self, standin: StandIn, client: Client) -> None:
        standin.deployments["dep-1"] = [deployment()]
        assert client.deployments.remove("dep-1").status == "draining"
        assert client.deployments.wait_until_stopped("dep-1").status == "stopped"


class TestPredict:
    def test_a_model_is_asked_by_its_name_and_gets_no_token(self, standin: StandIn, client: Client) -> None:
        standin.deployments["dep-1"] = [deployment(url=f"{standin.url}/model")]
        assert client.deployments.predict("churn", {"age": [31, 45]}).predictions == [0, 1]
        (asked,) = standin.asked("POST", "/model/predict")
        assert asked.json == {"inputs": {"age": [31, 45]}}
        assert TOKEN not in str(asked.headers)

    def test_of_several_deployments_of_one_version_a_ready_one_is_asked(self, standin: StandIn, client: Client) -> None:
        starting = deployment(status="starting", url=None)
        standin.deployments = {"dep-1": [starting], "dep-2": [deployment("dep-2", url=f"{standin.url}/model")]}
        assert client.deployments.predict("churn", [[1]]).predictions == [0, 1]

    def test_of_several_versions_one_must_be_named(self, standin: StandIn, client: Client) -> None:
        standin.deployments = {"dep-1": [deployment()], "dep-2": [deployment("dep-2", model_version=2)]}
        with pytest.raises(Conflict, match="there are several deployments of churn"):
            client.deployments.predict("churn", [[1]])

    def test_a_deployment_without_an_address_is_not_ready(self, standin: StandIn, client: Client) -> None:
        standin.deployments["dep-1"] = [deployment(status="starting", reason="loading")]
        with pytest.raises(Unavailable, match=r"^deployment dep-1 is starting: loading$"):
            client.deployments.predict("churn", [[1]])
