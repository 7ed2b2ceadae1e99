"""Models and ModelVersions over HTTP: CRUD, the plan, the job, and the same version on every surface."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.ports.tracking import LoggedModel

MODELS = "/api/v1/modelserving/models"


@pytest.fixture
def version(client: TestClient, log_model: Callable[..., LoggedModel]) -> str:
    """The address of a version that was made here."""
    assert client.post(MODELS, json={"name": "iris", "description": "flowers"}).status_code == 201
    made = client.post(f"{MODELS}/iris/versions", json={"artifact_id": log_model().run_id, "tags": {"a": "b"}})
    assert (made.status_code, made.json()["version"], made.headers["ETag"].strip('"')[:1]) == (201, 1, "1")
    return f"{MODELS}/iris/versions/1"


class TestCrud:
    def test_a_version_is_the_same_on_every_surface(self, client: TestClient, version: str) -> None:
        here = client.get(version).json()
        there = client.get("/api/v1/ml/registry/models/iris/versions/1").json()
        shared = here.keys() & there.keys()
        assert {"run_id", "stage", "tags", "experiment_name", "created_at"} <= shared
        assert {key: here[key] for key in shared} == {key: there[key] for key in shared}
        assert (here["state"], here["deployments"], here["deployment_endpoint"], here["image_name"]) == (
            "active",
            [],
            None,
            None,
        )

    def test_a_model_that_is_there_is_not_made_again(self, client: TestClient, version: str) -> None:
        answer = client.post(MODELS, json={"name": "iris"})
        assert (answer.status_code, answer.json()["code"]) == (409, "model_exists")

    def test_descriptions_and_tags_can_be_changed_by_whom_saw_the_last(self, client: TestClient, version: str) -> None:
        seen = client.get(version).headers["ETag"]
        changed = client.patch(version, json={"description": "better"}, headers={"If-Match": seen})
        assert (changed.status_code, changed.json()["description"]) == (200, "better")
        stale = client.patch(version, json={"description": "mine"}, headers={"If-Match": seen})
        assert stale.status_code == 412
        model = client.patch(f"{MODELS}/iris", json={"tags": {"team": "red"}}).json()
        assert (model["description"], model["tags"]) == ("flowers", {"team": "red"})

    def test_lists_go_page_by_page(self, client: TestClient, version: str) -> None:
        client.post(MODELS, json={"name": "other"})
        first = client.get(MODELS, params={"limit": 1}).json()
        second = client.get(MODELS, params={"limit": 1, "cursor": first["next_cursor"]}).json()
        assert [one["name"] for page in (first, second) for one in page["models"]] == ["iris", "other"]
        assert [one["version"] for one in client.get(f"{MODELS}/iris/versions").json()["versions"]] == [1]


class TestDeleting:
    def test_first_the_plan_then_the_job_then_nothing(
        self, client: TestClient, version: str, engine: InlineJobEngine
    ) -> None:
        plan = client.delete(version, params={"delete_mode": "DeleteRunIfNoMore", "dry_run": True})
        assert (plan.status_code, plan.json()["delete_mode"], plan.json()["is_blocked"]) == (200, 1, False)
        assert [piece["kind"] for piece in plan.json()["removes"]] == [
            "version",
            "registered_version",
            "run",
            "artifacts",
        ]

        asked = [client.delete(version, params={"delete_mode": 1}) for _ in range(2)]
        assert [one.status_code for one in asked] == [202, 202]
        assert asked[0].json()["job_id"] == asked[1].json()["job_id"]
        assert client.get(version).json()["state"] == "deleting"

        engine.run_next()
        assert client.get(version).status_code == 404
        assert client.get(f"/mlops/jobs/{asked[0].json()['job_id']}").json()["status"] == "succeeded"
        (stone,) = client.get(f"{MODELS}/iris/tombstones").json()["tombstones"]
        assert (stone["version"], stone["state"], stone["is_run_removed"]) == (1, "deleted", True)

        assert client.post(f"{version}/restore", json={"reason": "sorry"}).json()["state"] == "active"

    @pytest.mark.parametrize("whole", [False, True])
    def test_what_was_changed_since_its_plan_was_seen_is_not_deleted(
        self, client: TestClient, version: str, engine: InlineJobEngine, *, whole: bool
    ) -> None:
        what = f"{MODELS}/iris" if whole else version
        seen = client.delete(what, params={"dry_run": True}).json()["revision"]
        assert client.patch(version, json={"tags": {"keep": "this"}}).status_code == 200

        stale = client.delete(what, headers={"If-Match": f'"{seen}"'})
        assert (stale.status_code, stale.json()["code"], stale.json()["field"]) == (412, "revision_changed", "If-Match")
        assert not engine.run_next()
        assert client.get(version).json()["state"] == "active"

        now = client.delete(what, params={"dry_run": True}).json()["revision"]
        made = [client.delete(what, headers={"If-Match": f'"{now}"'}) for _ in range(2)]
        assert [one.status_code for one in made] == [202, 202]
        assert made[0].json()["job_id"] == made[1].json()["job_id"]

    def test_a_hold_is_put_named_and_lifted(self, client: TestClient, version: str, engine: InlineJobEngine) -> None:
        holds = "/api/v1/ml/registry/models/iris"
        put = client.post(f"{holds}/versions/1/holds", json={"reason": "law", "until": "2030-01-01T00:00:00Z"})
        assert (put.status_code, put.json()["is_active"]) == (201, True)
        blocked = client.delete(version)
        assert (blocked.status_code, blocked.json()["code"]) == (409, "deletion_blocked")
        (blocker,) = client.delete(version, params={"dry_run": True}).json()["blockers"]
        assert blocker["code"] == "retention_hold"
        lift = f"{holds}/holds/{put.json()['hold_id']}/lift"
        assert client.post(lift, json={"reason": "done"}).json()["is_active"] is False
        assert client.post(lift, json={"reason": "done"}).status_code == 409
        assert [one["lift_reason"] for one in client.get(f"{holds}/holds").json()["holds"]] == ["done"]
        assert client.delete(f"{MODELS}/iris").status_code == 202

    def test_holds_and_tombstones_go_page_by_page(
        self, client: TestClient, version: str, log_model: Callable[..., LoggedModel], engine: InlineJobEngine
    ) -> None:
        registry = "/api/v1/ml/registry/models/iris"
        client.post(f"{MODELS}/iris/versions", json={"artifact_id": log_model().run_id})
        put = [client.post(f"{registry}/versions/{one}/holds", json={"reason": "law"}).json() for one in (1, 2)]
        assert self._pages(client, f"{registry}/holds", "holds", "version") == {1, 2}
        for hold in put:
            client.post(f"{registry}/holds/{hold['hold_id']}/lift", json={"reason": "done"})
        for number in (1, 2):
            assert client.delete(f"{MODELS}/iris/versions/{number}").status_code == 202
            engine.run_next()
        assert self._pages(client, f"{MODELS}/iris/tombstones", "tombstones", "version") == {1, 2}

    @staticmethod
    def _pages(client: TestClient, where: str, plural: str, fact: str) -> set[int]:
        """A fact of what stands on two pages of one each, of which the second is the last."""
        first = client.get(where, params={"limit": 1}).json()
        second = client.get(where, params={"limit": 1, "cursor": first["next_cursor"]}).json()
        assert (len(first[plural]), len(second[plural]), second["next_cursor"]) == (1, 1, None)
        assert client.get(where, params={"limit": 201}).status_code == 400
        return {page[plural][0][fact] for page in (first, second)}

    @pytest.mark.parametrize("query", [{"delete_mode": "3"}, {"delete_mode": "nothing"}, {"force": "true"}])
    def test_an_unknown_field_is_refused(self, client: TestClient, version: str, query: dict[str, str]) -> None:
        answer = client.delete(version, params=query)
        assert (answer.status_code, answer.json()["field"]) == (400, next(iter(query)))

    def test_a_hold_that_is_over_before_it_begins_is_refused(self, client: TestClient, version: str) -> None:
        body = {"reason": "law", "until": "2020-01-01T00:00:00Z"}
        answer = client.post("/api/v1/ml/registry/models/iris/versions/1/holds", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "until_invalid")
