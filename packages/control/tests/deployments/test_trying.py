"""Trying a deployment over the management API: one request is sent on to its server."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest
from access_platform import Platform
from sqlalchemy import update

from modelyard.adapters.model_server import HttpPredictions
from modelyard.deployments.tables import deployments
from modelyard.errors import Busy, Unavailable


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "home") as platform:
        yield platform


@pytest.fixture
def deployment_id(platform: Platform) -> str:
    made = platform.operator.post(
        "/api/v1/ml/registry/models", json={"name": "churn", "artifact_id": platform.log_model()}
    )
    assert made.status_code == 201, made.text
    assert platform.operator.post("/api/v1/deployments", json={"model_name": "churn"}).status_code == 202
    platform.engine.run_next()
    return str(platform.operator.get("/api/v1/deployments").json()["deployments"][0]["deployment_id"])


def point_to(platform: Platform, deployment_id: str, url: str) -> None:
    """As if the target had observed the server there."""
    with platform.control.database.write() as connection:
        connection.execute(update(deployments).where(deployments.c.id == deployment_id).values(url=url))


class TestTrying:
    def test_the_answer_comes_back_with_its_status_and_time(self, platform: Platform, deployment_id: str) -> None:
        # The platform itself is a server that answers any POST of JSON with JSON.
        point_to(platform, deployment_id, f"http://127.0.0.1:{platform.port}/api/v1")
        answer = platform.operator.post(f"/api/v1/deployments/{deployment_id}/predict", json={"inputs": [[1]]})
        assert answer.status_code == 200, answer.text
        tried = answer.json()
        assert (tried["status"], tried["answer"]["code"]) == (401, "token_missing")
        assert tried["milliseconds"] > 0

    def test_headers_go_along_and_come_back(self, platform: Platform, deployment_id: str) -> None:
        point_to(platform, deployment_id, f"http://127.0.0.1:{platform.port}/api/v1")
        ask = f"/api/v1/deployments/{deployment_id}/predict"
        query = {"header": ["X-Request-Id:  mine ", "Authorization: Bearer of-nobody"]}
        tried = platform.operator.post(ask, params=query, json={"inputs": [[1]]}).json()
        assert tried["answer"]["code"] == "token_invalid"
        assert tried["headers"]["x-request-id"] == "mine"

    @pytest.mark.parametrize("line", ["no colon", "a b: c", "x: a\r\nb: c", "Host: other", "content-length: 1", ": x"])
    def test_a_header_that_is_none_or_not_theirs_to_say_is_refused(
        self, platform: Platform, deployment_id: str, line: str
    ) -> None:
        ask = f"/api/v1/deployments/{deployment_id}/predict"
        refused = platform.operator.post(ask, params={"header": line}, json={})
        assert (refused.status_code, refused.json()["code"]) == (400, "header_invalid"), refused.text

    def test_a_server_that_is_away_is_said_so(self, platform: Platform, deployment_id: str) -> None:
        point_to(platform, deployment_id, "http://127.0.0.1:9")
        answer = platform.operator.post(f"/api/v1/deployments/{deployment_id}/predict", json={"inputs": [[1]]})
        assert (answer.status_code, answer.json()["code"]) == (503, "prediction_failed")

    def test_another_tenant_does_not_see_it(self, platform: Platform, deployment_id: str) -> None:
        answer = platform.tenant("north").post(f"/api/v1/deployments/{deployment_id}/predict", json={"inputs": [[1]]})
        assert answer.status_code == 404


def test_only_some_wait_for_a_server_at_one_time() -> None:
    predictions = HttpPredictions()
    with ThreadPoolExecutor(8) as pool:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            asked = [pool.submit(predictions.ask, url, b"{}") for _ in range(8)]
            ended = as_completed(asked, timeout=20)
            assert [type(next(ended).exception()) for _ in range(4)] == [Busy] * 4
        # The server is gone, and with it the connections that it did not answer.
        assert [type(one.exception()) for one in ended] == [Unavailable] * 4


def test_no_server_answers_without_a_bound() -> None:
    with pytest.raises(Unavailable, match="gave no prediction"):
        HttpPredictions().ask("http://", json.dumps({}).encode())
