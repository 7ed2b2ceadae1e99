import pytest
from modelyard_standin import StandIn, error, model, version

from modelyard_client import Client
from modelyard_client.errors import Unavailable


class TestGet:
    def test_a_model_comes_with_its_versions(self, standin: StandIn, client: Client) -> None:
        standin.models["churn"] = model(versions=[version(2, metrics={"loss": None}), version(1, stage="production")])
        read = client.models.get("churn")
        assert [(each.version, each.stage) for each in read.versions] == [(2, "none"), (1, "production")]
        assert read.versions[0].metrics == {"loss": None}

    def test_a_list_has_models_without_versions(self, standin: StandIn, client: Client) -> None:
        standin.models["churn"] = model()
        assert [(each.name, each.versions) for each in client.models.list()] == [("churn", ())]


class TestRegister:
    def test_only_what_is_given_is_sent(self, standin: StandIn, client: Client) -> None:
        registered = client.models.register("churn", run_id="run-1", metrics={"accuracy": 0.9})
        assert registered.version == 3
        assert standin.seen[0].json == {"name": "churn", "run_id": "run-1", "metrics": {"accuracy": 0.9}}

    def test_a_registration_is_not_repeated_lest_there_be_two_versions(self, standin: StandIn, client: Client) -> None:
        standin.out_of_turn = [error(503, "not now", "draining")]
        with pytest.raises(Unavailable):
            client.models.register("churn", run_id="run-1")
        assert len(standin.seen) == 1
