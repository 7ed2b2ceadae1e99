import json
from pathlib import Path

import pytest
from cli_run import Run
from modelyard_standin import Reply, StandIn, deployment

from modelyard_client.cli import status


@pytest.fixture(autouse=True)
def local_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack of two processes, as another distribution would tell of it."""

    class Entry:
        def load(self) -> object:
            def processes(home: Path) -> list[dict[str, object]]:
                return [
                    {"name": "control", "state": "running", "pid": 11, "url": "http://127.0.0.1:8000"},
                    {"name": "mlflow", "state": "backoff", "pid": None, "url": None, "detail": f"see {home.name}/logs"},
                ]

            return processes

    def entries(*, group: str) -> list[Entry]:
        return [Entry()] if group == "modelyard.status" else []

    monkeypatch.setattr(status, "entry_points", entries)


class TestStatus:
    def test_platform_deployments_and_processes_are_one_answer(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment(url="http://127.0.0.1:8101")]
        ended = run("status", "--output", "json")
        reported = json.loads(ended.out)
        assert (ended.exit_code, reported["status"], reported["url"]) == (0, "ok", standin.url)
        assert reported["platform"]["components"]["mlflow"]["url"] == "http://127.0.0.1:5000"
        assert reported["deployments"][0]["url"] == "http://127.0.0.1:8101"
        assert reported["deployments"][0]["replica_states"][0]["pid"] == 4243
        assert [process["name"] for process in reported["processes"]] == ["control", "mlflow"]

    def test_people_see_tables(self, standin: StandIn, run: Run) -> None:
        standin.deployments["dep-1"] = [deployment(url="http://127.0.0.1:8101")]
        out = run("status").out
        assert "jobs         1 running, 3 succeeded\n" in out
        assert "mlflow" in out
        assert "http://127.0.0.1:8101" in out
        assert "see home/logs" in out

    def test_a_part_that_does_not_work_is_exit_code_1(self, standin: StandIn, run: Run) -> None:
        standin.status["status"] = "degraded"
        standin.status["components"] = {"mlflow": {"status": "unavailable", "detail": "it does not answer"}}
        ended = run("status")
        assert (ended.exit_code, ended.err) == (1, "modelyard: the platform is degraded: mlflow\n")
        assert "it does not answer" in ended.out

    def test_without_a_control_plane_the_processes_are_reported_and_it_is_exit_code_5(self, run: Run) -> None:
        ended = run("status", "--url", "http://127.0.0.1:1", "-o", "json")
        reported = json.loads(ended.out)
        assert (ended.exit_code, reported["status"], reported["platform"]) == (5, "unavailable", None)
        assert [process["pid"] for process in reported["processes"]] == [11, None]
        assert ended.err.startswith("modelyard: nothing answers at http://127.0.0.1:1; `modelyard up` starts")

    def test_a_wrong_token_is_exit_code_4(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELYARD_TOKEN", "wrong")
        ended = run("status")
        assert ended.exit_code == 4
        assert ended.err == (
            "modelyard: expected an access token; set MODELYARD_TOKEN, or --home to the folder of the local stack\n"
        )

    def test_something_else_at_the_address_is_reported(self, standin: StandIn, run: Run) -> None:
        standin.out_of_turn = [Reply(404, b"<h1>not here</h1>", {"Content-Type": "text/html"})]
        ended = run("status")
        assert ended.exit_code == 5
        assert ended.err == (
            f"modelyard: {standin.url} answered 404 Not Found in a form that is not Modelyard's: "
            "something else listens there\n"
        )
