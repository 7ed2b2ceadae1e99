"""Outcomes over HTTP on both databases, and how they find their answers."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from modelyard.gateway_node.answer_log import AnsweredRequest
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.traffic.domain import Split, grown

PATH = "/api/v1/ml/registry/models/iris/outcomes"


@pytest.fixture(autouse=True)
def divided(control_plane: ControlPlane, alice: Principal, log_model: Callable[..., LoggedModel]) -> None:
    """Two versions of the model `iris`, between which requests are divided."""
    for _ in range(2):
        control_plane.registry.register(alice, model_name="iris", logged=log_model())
    split = Split(shares=grown(1, 2, 50))
    control_plane.rollout_parts.traffic.set(alice, "iris", split, revision=None, reason="")


def _answer(control_plane: ControlPlane, version: int, *request_ids: str, model: str = "iris") -> None:
    answers = [AnsweredRequest("default", model, version, request_id) for request_id in request_ids]
    control_plane.rollout_parts.outcomes.note_answers(answers)


def _record(client: TestClient, *outcomes: tuple[str, float]) -> dict[str, int]:
    given = [{"request_id": request_id, "value": value} for request_id, value in outcomes]
    recorded = client.post(PATH, json={"metric": "bought", "outcomes": given})
    assert recorded.status_code == 200, recorded.text
    return dict(recorded.json())


class TestOutcomes:
    """Of two versions."""

    def test_a_test_ends_with_a_difference_and_its_bounds(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        for version, bought in ((1, 10), (2, 60)):
            ids = [f"v{version}-{index}" for index in range(100)]
            _answer(control_plane, version, *ids)
            _record(client, *((request_id, float(index < bought)) for index, request_id in enumerate(ids)))
        report = client.get(f"{PATH}/bought", params={"control": 1, "candidate": 2}).json()
        assert (report["control"]["mean"], report["candidate"]["mean"]) == (0.1, 0.6)
        assert report["difference"]["estimate"] == pytest.approx(0.5)
        assert 0 < report["difference"]["low"] < 0.5 < report["difference"]["high"]
        assert report["difference"]["is_certain"]

    def test_the_same_again_changes_nothing_and_another_value_is_counted_and_not_taken(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        _answer(control_plane, 1, "a")
        assert _record(client, ("a", 1)) == {"recorded": 1, "repeated": 0, "contradicting": 0, "unknown": 0}
        assert _record(client, ("a", 1)) == {"recorded": 0, "repeated": 1, "contradicting": 0, "unknown": 0}
        assert _record(client, ("a", 0)) == {"recorded": 0, "repeated": 0, "contradicting": 1, "unknown": 0}
        report = client.get(f"{PATH}/bought", params={"control": 1, "candidate": 2}).json()
        assert report["control"] == {"version": 1, "answers": 1, "outcomes": 1, "mean": 1.0}
        assert report["difference"] is None

    def test_one_that_comes_before_its_answer_is_unknown_until_then(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        assert _record(client, ("late", 1))["unknown"] == 1
        query = {"control": 1, "candidate": 2}
        assert client.get(f"{PATH}/bought", params=query).json()["unknown"] == 1
        _answer(control_plane, 2, "late")
        found = client.get(f"{PATH}/bought", params=query).json()
        assert (found["unknown"], found["candidate"]["outcomes"]) == (0, 1)

    def test_answers_of_models_whose_requests_are_not_divided_are_not_remembered(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        _answer(control_plane, 1, "x", model="other")
        assert _record(client, ("x", 1))["unknown"] == 1

    def test_what_is_wrong_is_refused_with_its_field(self, client: TestClient) -> None:
        twice = [{"request_id": "a", "value": 1}, {"request_id": "a", "value": 0}]
        refused = client.post(PATH, json={"outcomes": twice}).json()
        assert (refused["code"], refused["field"]) == ("outcome_invalid", "outcomes.1.value")
        assert client.post(PATH, json={"outcomes": []}).status_code == 400
        assert client.get(f"{PATH}/bought", params={"control": 1, "candidate": 9}).status_code == 404
