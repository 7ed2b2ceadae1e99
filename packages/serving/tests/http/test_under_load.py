"""A slow prediction, a full queue and many workers, on real servers."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

StartServer = Callable[..., Any]


def body(seconds: float) -> dict[str, Any]:
    return {"inputs": [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [seconds]}]}


class TestHealth:
    @pytest.mark.parametrize("model", ["Sleeper", "Busy"])
    def test_it_is_answered_while_a_prediction_runs(self, start_server: StartServer, model: str) -> None:
        url = start_server(model).url
        slow = threading.Thread(
            target=httpx.post, args=(f"{url}/v2/models/{model}/infer",), kwargs={"json": body(3), "timeout": 30}
        )
        slow.start()
        with httpx.Client() as client:
            answered = 0
            while answered < 30:
                assert client.get(f"{url}/v2/health/ready").status_code == 200
                assert slow.is_alive()  # How long an answer takes is measured in `benchmarks/robustness/health.py`.
                answered += 1
        slow.join()


class TestQueue:
    def test_a_full_one_is_a_fast_503_and_what_was_taken_is_answered(self, start_server: StartServer) -> None:
        url = start_server("Sleeper", "--max-concurrency", "1", "--max-queue", "2").url
        with ThreadPoolExecutor(8) as callers:
            asked = [
                callers.submit(httpx.post, f"{url}/v2/models/Sleeper/infer", json=body(0.5), timeout=30)
                for _ in range(8)
            ]
            answers = [call.result() for call in asked]
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] * 3 + [503] * 5
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.headers["retry-after"] == "1"
        assert "2 requests are waiting" in refused.json()["error"]


class TestMetrics:
    def test_they_are_exact_across_workers_whichever_is_asked(self, start_server: StartServer) -> None:
        server = start_server("Sleeper", "--workers", "2")
        url = server.url
        for _ in range(40):  # Each over a connection of its own, so that both workers take part.
            assert httpx.post(f"{url}/v2/models/Sleeper/infer", json=body(0)).status_code == 200
        for _ in range(10):
            text = httpx.get(f"{url}/metrics").text
            counted = re.search(r'modelyard_request_duration_seconds_count\{[^}]*outcome="ok"[^}]*\} ([0-9.]+)', text)
            assert counted is not None
            assert float(counted[1]) == 40
