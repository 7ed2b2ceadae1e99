"""`modelyard delete`, `undelete` and `holds` against the real application over real HTTP."""

import json
from collections.abc import Callable

import pytest
from access_platform import Platform

from modelyard_client.deletions import DeletionPlan, Deletions

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def iris(platform: Platform) -> None:
    """A model with two versions."""
    for _ in range(2):
        registered = platform.operator.post("/mlops/registry", json={"name": "iris", "run_id": platform.log_model()})
        assert registered.status_code == 201


class TestDelete:
    def test_a_dry_run_shows_what_would_go_and_changes_nothing(self, run: Run, iris: None) -> None:
        code, out = run("delete", "iris/1", "--mode", "run", "--dry-run")
        assert (code, [word in out for word in ("registered_version", "artifacts", "run")]) == (0, [True] * 3)
        plan = json.loads(run("delete", "iris", "--dry-run", "-o", "json")[1])
        assert [piece["kind"] for piece in plan["removes"]] == ["version", "version", "model"]
        assert run("versions", "show", "iris/1")[0] == 0

    def test_without_a_terminal_nothing_is_deleted_unless_it_is_said(self, run: Run, iris: None) -> None:
        assert run("delete", "iris/1")[0] == 1
        assert run("versions", "show", "iris/1")[0] == 0

    def test_it_is_deleted_and_restored(self, run: Run, iris: None, platform: Platform) -> None:
        code, out = run("delete", "iris/1", "--mode", "experiment", "--yes", "--no-wait", "-o", "json")
        assert code == 0
        platform.engine.run_next()
        job = platform.operator.get(f"/mlops/jobs/{json.loads(out)['job_id']}").json()
        assert (job["kind"], job["status"]) == ("deletion", "succeeded")
        assert run("versions", "show", "iris/1")[0] == 3
        assert [one["version"] for one in json.loads(run("tombstones", "iris", "-o", "json")[1])["tombstones"]] == [1]
        assert run("undelete", "iris/1", "--reason", "sorry")[0] == 0
        assert run("versions", "show", "iris/1")[0] == 0

    def test_what_was_changed_since_the_plan_was_shown_stays(
        self, run: Run, iris: None, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = Deletions.plan

        def plan_and_lose(
            self: Deletions, name: str, version: int | None = None, *, mode: int | str = 0
        ) -> DeletionPlan:
            shown = plan(self, name, version, mode=mode)
            platform.operator.patch("/api/v1/ml/registry/models/iris/versions/1", json={"tags": {"keep": "this"}})
            return shown

        monkeypatch.setattr(Deletions, "plan", plan_and_lose)
        assert run("delete", "iris/1", "--yes", "--no-wait")[0] == 6
        assert run("versions", "show", "iris/1")[0] == 0

    def test_a_hold_stops_it_until_it_is_lifted(self, run: Run, iris: None) -> None:
        put = run("holds", "put", "iris/2", "--reason", "law", "--until", "2030-01-01", "-o", "json")
        assert put[0] == 0
        assert run("delete", "iris", "--yes", "--no-wait")[0] == 6
        assert "retention_hold" in run("delete", "iris/2", "--dry-run")[1]
        hold_id = json.loads(put[1])["hold_id"]
        assert hold_id in run("holds", "list", "iris")[1]
        assert hold_id not in run("holds", "list", "iris", "--version", "1")[1]
        assert run("holds", "lift", "iris", hold_id, "--reason", "over")[0] == 0
        assert run("delete", "iris", "--yes", "--no-wait")[0] == 0
