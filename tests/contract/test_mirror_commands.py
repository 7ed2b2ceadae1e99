"""`modelyard mirror` and its routes against the real application over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from operator import itemgetter

import pytest
from access_platform import Platform

Run = Callable[..., tuple[int, str]]
MIRROR = "/api/v1/ml/registry/mirror"
TOO_LONG = "x" * 257
"""MLflow takes it; its mirrored name has no room here."""


@pytest.fixture
def working(platform: Platform) -> Iterator[None]:
    """Somebody works off the jobs."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.05):
            platform.engine.run_next()

    worker = threading.Thread(target=work)
    worker.start()
    yield
    stopped.set()
    worker.join()


@pytest.fixture
def drifted(platform: Platform) -> None:
    """`iris` is ours and not mirrored yet; `roses` and `My Model` were in MLflow first, and a name too long for us."""
    registered = platform.operator.post("/mlops/registry", json={"name": "iris", "run_id": platform.log_model()})
    assert registered.status_code == 201
    for work in platform.control.background:
        work.stop()
    platform.registered.drop_model("iris")
    run_id = platform.log_model()
    (logged,) = platform.tracking.logged_models(run_id)
    for name in ("roses", "My Model", TOO_LONG):
        platform.registered.register(name, logged.uri, run_id=run_id)


class TestCommands:
    def test_drift_is_reported_repaired_and_imported(self, run: Run, drifted: None, working: None) -> None:
        code, out = run("mirror", "status", "-o", "json")
        assert code == 0
        kinds = {(each["name"], each["kind"]) for each in json.loads(out)["drift"]}
        assert kinds == {
            *(("iris", "model_missing"), ("iris", "version_missing")),
            *(("roses", "unimported"), ("My Model", "unimported"), (TOO_LONG, "refused")),
        }
        assert "the tracker has no such registered model" in run("mirror", "status")[1]

        code, out = run("mirror", "import", "-o", "json")
        assert code == 0
        reported = json.loads(out)
        assert sorted(reported["imported"], key=itemgetter("name")) == [
            {"name": name, "version": 1, "mlflow_name": name, "mlflow_version": 1} for name in ("My Model", "roses")
        ]
        assert [each["mlflow_name"] for each in reported["refused"]] == [TOO_LONG]

        repaired = json.loads(run("mirror", "repair", "-o", "json")[1])
        assert {each["name"] for each in repaired["repaired"]} == {"iris", "roses", "My Model"}
        assert [each["name"] for each in repaired["remaining"]] == [TOO_LONG]
        remaining = json.loads(run("mirror", "status", "-o", "json")[1])["drift"]
        assert [each["kind"] for each in remaining] == ["refused"]

    def test_tables_are_printed_for_people(self, run: Run, drifted: None, working: None) -> None:
        assert "My Model" in run("mirror", "import")[1]
        assert TOO_LONG in run("mirror", "repair")[1]
        assert TOO_LONG in run("mirror", "status")[1]

    def test_only_administrators_repair(self, run: Run, platform: Platform) -> None:
        developer = platform.member(platform.operator, "dora", "developer")
        token = developer.headers["Authorization"].removeprefix("Bearer ")
        assert run("mirror", "repair", token=token)[0] == 4
        assert run("mirror", "import", "--no-wait", token=token)[0] == 0
        assert run("mirror", "status", token=token)[0] == 0

    def test_mlflow_away_is_exit_code_5(self, run: Run, platform: Platform, drifted: None) -> None:
        platform.tracking.is_available = False
        assert run("mirror", "repair")[0] == 5
        assert platform.operator.get(MIRROR).json()["code"] == "tracking_unavailable"


class TestPages:
    @pytest.mark.parametrize("cursor", ["x", "WyJ4IiwgIiJd", "WyJ0aGVpcnMiXQ"])
    def test_a_cursor_that_is_none_of_ours_is_refused(self, platform: Platform, cursor: str) -> None:
        answer = platform.operator.get(MIRROR, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
