"""`/api/v1/gateway/traffic` over HTTP, on both databases."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from modelyard.gateway_node.comparer import ComparisonCounters, Example
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal

PATH = "/api/v1/gateway/traffic"
HALVES = [{"version": 1, "percent": 50}, {"version": 2, "percent": 50}]


@pytest.fixture(autouse=True)
def versions(control_plane: ControlPlane, alice: Principal, log_model: Callable[..., LoggedModel]) -> None:
    """Two versions of the model `iris`."""
    for _ in range(2):
        control_plane.registry.register(alice, model_name="iris", logged=log_model())


class TestTraffic:
    """Of one model."""

    def test_it_is_set_changed_and_removed_and_the_audit_log_knows(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        body = {"shares": HALVES, "sticky": {"by": "header", "name": "x-user"}}
        made = client.put(f"{PATH}/iris", json=body)
        assert (made.status_code, made.json()["revision"]) == (200, 1)
        assert made.json()["sticky"] == {"by": "header", "name": "x-user"}
        shadow = {"shares": [{"version": 1, "percent": 100}], "shadow": {"version": 2, "percent": 20}}
        changed = client.put(f"{PATH}/iris", json=shadow, headers={"If-Match": '"1"'})
        assert changed.json()["shadow"] == {"version": 2, "percent": 20, "tolerance": 1e-3}
        assert client.put(f"{PATH}/iris", json=shadow, headers={"If-Match": '"1"'}).status_code == 412
        assert [one["name"] for one in client.get(PATH).json()["traffic"]] == ["iris"]
        assert client.delete(f"{PATH}/iris").status_code == 204
        assert client.get(f"{PATH}/iris").json()["code"] == "traffic_not_found"
        entries = control_plane.audit.entries("default", subject="traffic/iris")
        assert [entry.action for entry in entries] == ["traffic.set", "traffic.set", "traffic.removed"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"shares": [{"version": 1, "percent": 60}]}, "shares"),
            ({"shares": [HALVES[0], HALVES[0]]}, "shares"),
            ({"sticky": {"by": "header"}}, "sticky.name"),
            ({"sticky": {"by": "header", "name": "a b"}}, "sticky.name"),
            ({"sticky": {"by": "client", "name": "x"}}, "sticky.name"),
            ({"shadow": {"version": 2, "percent": 10}}, "shadow.version"),
            ({"shadow": {"version": 3, "percent": 0}}, "shadow.percent"),
            ({"shadow": {"version": 3, "percent": 1, "tolerance": 1}}, "shadow.tolerance"),
        ],
    )
    def test_what_cannot_be_divided_so_is_refused_with_its_field(
        self, client: TestClient, change: dict[str, Any], field: str
    ) -> None:
        refused = client.put(f"{PATH}/iris", json={"shares": HALVES, **change}).json()
        assert (refused["code"], refused["field"]) == ("traffic_invalid", field)

    def test_a_version_that_is_not_there_gets_nothing(self, client: TestClient) -> None:
        body = {"shares": [{"version": 7, "percent": 100}]}
        assert client.put(f"{PATH}/iris", json=body).json()["code"] == "version_not_found"


class TestAShadowByHand:
    """Has the report that one of a roll-out has."""

    def test_it_is_what_nodes_found_of_this_split_and_of_no_other(
        self, client: TestClient, control_plane: ControlPlane
    ) -> None:
        def split(**shadow: Any) -> str:
            body = {"shares": [{"version": 1, "percent": 100}], "shadow": {"version": 2, "percent": 20, **shadow}}
            assert client.put(f"{PATH}/iris", json=body).status_code == 200
            (found,) = control_plane.rollout_parts.traffic.every()
            return str(found.comparison)

        name = split()
        for node, different in (("node-1", 1), ("node-2", 0)):
            examples = (Example("req-1", "predictions[0]: 1, not 0"),) * different
            found = ComparisonCounters("dep-2", "dep-1", 10, different, 50.0, 30.0, examples, name)
            control_plane.counting.note(node, [], [found])
        report = {"former": 1, "candidate": 2, "tolerance": 1e-3, "compared": 20, "different": 1}
        report |= {"former_ms": 3.0, "candidate_ms": 5.0}
        assert client.get(f"{PATH}/iris/comparison").json() == {
            **report,
            "differences": [{"request_id": "req-1", "difference": "predictions[0]: 1, not 0"}],
        }
        assert split(percent=30) == name  # More copies are the same comparison.
        assert split(tolerance=0.5) != name
        assert client.get(f"{PATH}/iris/comparison").json()["compared"] == 0
        split(tolerance=None)
        assert client.get(f"{PATH}/iris/comparison").json()["tolerance"] is None
        client.put(f"{PATH}/iris", json={"shares": HALVES})
        assert client.get(f"{PATH}/iris/comparison").json()["code"] == "shadow_not_found"


class TestRolloutRoutes:
    """`/api/v1/rollouts` and `/api/v1/rollout-plans`."""

    def test_a_plan_is_read_as_a_file_has_it(self, client: TestClient) -> None:
        steps = [{"shadow": 20}, {"analysis": {"min_requests": 5}}, {"pause": {}}, {"weight": 5}, {"full": True}]
        made = client.put("/api/v1/rollout-plans/iris", json={"steps": steps, "guardrails": {"latency": None}})
        assert made.status_code == 200
        plan = made.json()["plan"]
        assert plan["steps"][:3] == [
            {"shadow": 20},
            {"analysis": {"seconds": 3600, "min_requests": 5}},
            {"pause": {"seconds": None}},
        ]
        assert plan["guardrails"]["latency"] is None
        assert client.put("/api/v1/rollout-plans/iris", json=plan).json()["plan"] == plan
        assert client.delete("/api/v1/rollout-plans/iris").status_code == 204

    def test_a_step_is_exactly_one_thing(self, client: TestClient) -> None:
        refused = client.put("/api/v1/rollout-plans/iris", json={"steps": [{"weight": 5, "full": True}]})
        assert (refused.status_code, refused.json()["code"]) == (400, "request_invalid")

    def test_there_is_nothing_to_roll_out_against_without_a_version_in_production(self, client: TestClient) -> None:
        refused = client.post("/api/v1/rollouts", json={"name": "iris"})
        assert (refused.status_code, refused.json()["code"]) == (409, "nothing_in_production")
        assert client.get("/api/v1/rollouts").json() == {"rollouts": [], "next_cursor": None}
        assert client.get("/api/v1/rollouts/ro-1").json()["code"] == "rollout_not_found"
