"""Jobs as a user meets them: repeated, wrong in each of the ways in which scripts are, followed, and cancelled."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.stack import SCRIPTS, Stack, script_body, wait_for


class TestIdempotency:
    def test_the_same_request_with_the_same_key_is_the_same_job(self, stack: Stack) -> None:
        body = script_body(SCRIPTS / "logs_nothing.py") | {"model_name": "idempotent"}
        headers = {"Idempotency-Key": "order-4711"}

        answers = [stack.api.post("/mlops/training/upload", json=body, headers=headers) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [202, 202, 202]
        assert len({answer.json()["job_id"] for answer in answers}) == 1
        assert len(stack.get("/mlops/jobs", model_name="idempotent")["jobs"]) == 1

    def test_another_request_with_the_same_key_is_refused(self, stack: Stack) -> None:
        body = script_body(SCRIPTS / "logs_nothing.py") | {"model_name": "idempotent-two"}
        headers = {"Idempotency-Key": "order-4712"}
        stack.api.post("/mlops/training/upload", json=body, headers=headers)

        answer = stack.api.post("/mlops/training/upload", json=body | {"model_name": "other"}, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


class TestScriptsThatFail:
    def test_a_script_that_raises_gives_its_own_traceback_and_a_reason_of_one_line(self, stack: Stack) -> None:
        job = stack.ended(stack.train(SCRIPTS / "raises.py", model_name="raises"))

        assert (job["status"], job["error"]["code"]) == ("failed", "script_failed")
        assert "there is no customers.csv" in job["error"]["message"]
        assert "\n" not in job["error"]["message"]
        log = stack.job_log(job["job_id"])
        assert "reading the data" in log
        assert "Traceback (most recent call last):" in log
        assert "in read\n" in log
        assert "modelyard" not in log.split("Traceback")[1]

    def test_a_script_that_logs_no_model(self, stack: Stack) -> None:
        job = stack.ended(stack.train(SCRIPTS / "logs_nothing.py", model_name="logs-nothing"))

        assert (job["status"], job["error"]["code"]) == ("failed", "no_model_logged")

    def test_a_script_that_logs_several_models_must_be_given_one(self, stack: Stack) -> None:
        job = stack.ended(stack.train(SCRIPTS / "two_models.py", model_name="several"))

        assert (job["status"], job["error"]["code"]) == ("failed", "several_models_logged")
        assert "line" in job["error"]["message"]
        assert "mean" in job["error"]["message"]

    def test_the_model_that_was_named_is_the_one_that_serves(self, stack: Stack) -> None:
        job = stack.deployed(SCRIPTS / "two_models.py", model_name="named", logged_model="line")

        (prediction,) = stack.predict(job["deployment_url"], [[10.0]])

        assert prediction == pytest.approx(21.0)

    def test_a_model_that_was_not_logged_cannot_be_named(self, stack: Stack) -> None:
        job = stack.ended(stack.train(SCRIPTS / "two_models.py", model_name="named", logged_model="median"))

        assert (job["status"], job["error"]["code"]) == ("failed", "logged_model_not_found")

    def test_requirements_that_do_not_resolve(self, stack: Stack) -> None:
        job = stack.ended(
            stack.train(SCRIPTS / "classifier.py", model_name="unresolvable", requirements=["scikit-learn==0.0.999"])
        )

        assert (job["status"], job["error"]["code"]) == ("failed", "requirements_unresolvable")
        assert "scikit-learn" in job["error"]["message"]

    def test_a_script_that_takes_too_long(self, stack: Stack, tmp_path: Path) -> None:
        script = tmp_path / "slow.py"
        script.write_text("import time\ntime.sleep(600)\n")

        job = stack.ended(stack.train(script, model_name="slow", timeout_seconds=2))

        assert (job["status"], job["error"]["code"]) == ("failed", "script_failed")

    def test_autolog_is_enough(self, stack: Stack) -> None:
        job = stack.deployed(SCRIPTS / "autologged.py", model_name="autologged")

        rows = {"sepal length (cm)": [5.1, 6.3], "sepal width (cm)": [3.5, 3.3]}
        rows |= {"petal length (cm)": [1.4, 6.0], "petal width (cm)": [0.2, 2.5]}
        assert stack.predict(job["deployment_url"], rows) == [0, 2]


class TestRequestsThatAreRefused:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"model_name": "../../etc/passwd"}, "model_name"),
            ({"model_name": ""}, "model_name"),
            ({"script_name": "../train.py"}, "script_name"),
            ({"script_content": ""}, "script_content"),
            ({"requirements": ["-r secrets.txt"]}, "requirements.0"),
            ({"requirements": ["pandas", "thing @ https://example.org/thing.whl"]}, "requirements.1"),
            ({"requirements": ["--index-url=https://example.org"]}, "requirements.0"),
            ({"requirements": ["./wheel.whl"]}, "requirements.0"),
            ({"replicas": 0}, "replicas"),
            ({"unheard_of": 1}, "unheard_of"),
        ],
    )
    def test_the_answer_names_the_field(self, stack: Stack, fields: dict[str, Any], field: str) -> None:
        body = script_body(SCRIPTS / "classifier.py") | {"model_name": "refused"} | fields

        answer = stack.api.post("/mlops/deploy", json=body)

        assert answer.status_code == 400, answer.text
        error = answer.json()
        assert error["field"] == field
        assert error.keys() == {"error", "code", "field", "request_id"}

    def test_a_job_that_is_not_there(self, stack: Stack) -> None:
        answer = stack.api.get("/mlops/jobs/job-of-nobody")

        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


class TestTheLog:
    def test_it_is_followed_to_its_end_and_resumed_where_it_broke_off(self, stack: Stack) -> None:
        job_id = stack.train(SCRIPTS / "raises.py", model_name="followed")
        stream = {"Accept": "text/event-stream"}

        events = self._events(stack, job_id, stream)
        whole = [event for event in events if event["event"] == "log"]
        middle = len(whole) // 2
        resumed = self._events(stack, job_id, stream | {"Last-Event-ID": whole[middle]["id"]})

        assert events[-1]["event"] == "end"
        assert "failed" in events[-1]["data"]
        assert [event for event in resumed if event["event"] == "log"] == whole[middle + 1 :]

    @staticmethod
    def _events(stack: Stack, job_id: str, headers: dict[str, str]) -> list[dict[str, str]]:
        with stack.api.stream("GET", f"/mlops/jobs/{job_id}/log", headers=headers, timeout=120) as answer:
            text = "".join(answer.iter_text())
        blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
        parsed = [dict(line.split(": ", 1) for line in block if ": " in line) for block in blocks]
        return [event for event in parsed if "event" in event]


class TestCancelling:
    def test_a_cancelled_job_leaves_no_process(self, stack: Stack, tmp_path: Path) -> None:
        script = tmp_path / "endless.py"
        script.write_text("import subprocess, time\nsubprocess.Popen(['sleep', '600'])\nprint('begun', flush=True)\n"
                          "time.sleep(600)\n")  # fmt: skip
        job_id = stack.train(script, model_name="endless")
        wait_for(lambda: "begun" in stack.job_log(job_id), timeout=180, what=lambda: stack.job_log(job_id))

        answer = stack.api.post(f"/mlops/jobs/{job_id}/cancel")
        job = stack.ended(job_id, timeout=60)

        assert answer.status_code == 202
        assert job["status"] == "cancelled"
        assert not stack.processes_in(stack.home / "jobs" / job_id)
        again = stack.api.post(f"/mlops/jobs/{job_id}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "job_finished")


class TestFiftyAtOnce:
    TRAININGS = 4
    """So many train a model; the others fail at once, so that the whole takes a minute and not five."""

    def test_all_end_and_the_api_answers_meanwhile(self, stack: Stack, figures: dict[str, str]) -> None:
        stack.succeeded(stack.train(SCRIPTS / "classifier.py", model_name="fifty-first"))  # The environment is there.

        with ThreadPoolExecutor(max_workers=50) as senders:
            job_ids = list(senders.map(lambda number: self._send(stack, number), range(50)))
        waits = self._waits_until_all_end(stack)

        jobs = [stack.ended(job_id) for job_id in job_ids]
        median = statistics.median(waits) * 1000
        slowest = max(waits) * 1000
        figures["GET /mlops/models while fifty jobs run"] = (
            f"median {median:.0f} ms (owed: 100 ms), slowest {slowest:.0f} ms, {len(waits)} calls"
        )
        assert len(set(job_ids)) == 50
        assert [job["status"] for job in jobs] == ["succeeded"] * self.TRAININGS + ["failed"] * (50 - self.TRAININGS)
        assert {job["model_version"] for job in jobs[: self.TRAININGS]} == {"1"}
        assert {job["error"]["code"] for job in jobs[self.TRAININGS :]} == {"script_failed"}
        assert median < 1000  # Generous: this is not a benchmark.

    def _send(self, stack: Stack, number: int) -> str:
        script = "classifier.py" if number < self.TRAININGS else "raises.py"
        return stack.train(SCRIPTS / script, model_name=f"fifty-{number}")

    @staticmethod
    def _waits_until_all_end(stack: Stack) -> list[float]:
        waits = []
        deadline = time.monotonic() + 540
        while any(stack.get("/mlops/jobs", status=status, limit="1")["jobs"] for status in ("queued", "running")):
            assert time.monotonic() < deadline, "the fifty jobs do not end"
            for _ in range(5):
                begin = time.perf_counter()
                stack.get("/mlops/models")
                waits.append(time.perf_counter() - begin)
                time.sleep(0.1)
        return waits
