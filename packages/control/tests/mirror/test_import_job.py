"""The import as a job: asked for at once, worked off in steps, reported over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal

MIRROR = "/api/v1/ml/registry/mirror"
LogModel = Callable[..., LoggedModel]
TOO_LONG = "x" * 257


@pytest.fixture
def strangers(registered: FakeRegisteredModels, log_model: LogModel) -> list[str]:
    """Twelve models, each with a version, that somebody registered in the tracker; and one of too long a name."""
    names = [f"rose-{number:02}" for number in range(12)]
    for name in [*names, TOO_LONG]:
        logged = log_model()
        registered.register(name, logged.uri, run_id=logged.run_id)
    return names


def begin(client: TestClient) -> str:
    answer = client.post(f"{MIRROR}/import")
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job_id"]
    return job_id


def reported(client: TestClient, job_id: str) -> Any:
    answer = client.get(f"{MIRROR}/imports/{job_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestImport:
    def test_nothing_is_fetched_while_the_caller_waits(self, client: TestClient, strangers: list[str]) -> None:
        job_id = begin(client)
        assert (reported(client, job_id)["status"], reported(client, job_id)["imported"]) == ("queued", [])
        assert client.get("/api/v1/ml/registry/models").json()["models"] == []
        assert len(strangers) == 12

    def test_all_pages_are_worked_off_and_what_was_refused_is_reported(
        self, client: TestClient, engine: InlineJobEngine, strangers: list[str]
    ) -> None:
        job_id = begin(client)
        engine.run_next()
        found = reported(client, job_id)
        assert (found["status"], found["imported_count"], found["refused_count"]) == ("succeeded", 12, 1)
        assert sorted(one["name"] for one in found["imported"]) == strangers
        assert [one["mlflow_name"] for one in found["refused"]] == [TOO_LONG]
        log = client.get(f"/mlops/jobs/{job_id}/log").text
        assert "imported rose-00/1 of version 1 of 'rose-00'" in log
        assert f"not imported: '{TOO_LONG}'" in log

    def test_asked_for_again_while_it_is_under_way_it_is_the_same(
        self, client: TestClient, engine: InlineJobEngine, strangers: list[str]
    ) -> None:
        first = begin(client)
        assert begin(client) == first
        engine.run_next()
        assert begin(client) != first
        assert strangers

    def test_a_process_that_dies_in_the_middle_imports_each_version_once_in_the_end(
        self,
        client: TestClient,
        control_plane: ControlPlane,
        engine: InlineJobEngine,
        alice: Principal,
        strangers: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        job_id = begin(client)
        register, count = control_plane.registry.register, [0]

        def dying(*arguments: Any, **options: Any) -> Any:
            made = register(*arguments, **options)
            count[0] += 1
            if count[0] == 7:
                raise KeyboardInterrupt
            return made

        monkeypatch.setattr(control_plane.registry, "register", dying)
        with pytest.raises(KeyboardInterrupt):
            engine.run_next()
        control_plane.jobs.resume()
        engine.run_next()
        assert reported(client, job_id)["status"] == "succeeded"
        assert [len(control_plane.registry.versions(alice, name)) for name in strangers] == [1] * 12

    def test_a_tracker_that_is_away_is_waited_for(
        self,
        client: TestClient,
        control_plane: ControlPlane,
        engine: InlineJobEngine,
        tracking: FakeTracking,
        strangers: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        job_id = begin(client)
        tracking.is_available = False
        clock = control_plane._adapters.clock
        monkeypatch.setattr(clock, "sleep", lambda _: setattr(tracking, "is_available", True))
        engine.run_next()
        assert reported(client, job_id)["imported_count"] == len(strangers)

    def test_a_job_that_is_no_import_is_not_found(self, client: TestClient) -> None:
        assert client.get(f"{MIRROR}/imports/job-0").json()["code"] == "job_not_found"
