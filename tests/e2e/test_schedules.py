"""A schedule of a real platform whose control plane is killed before and in its run: one job, and one version."""

import os
import signal

import httpx
from tests.e2e.stack import Stack, wait_for
from tests.e2e.test_crashes import Gates
from tests.e2e.test_outages import CONTROL


def test_a_scheduled_run_that_is_killed_gives_one_version(stack: Stack) -> None:
    gates = Gates(stack)
    job_id = gates.train(model_name="scheduled")
    gates.open("training", "end")
    stack.succeeded(job_id)
    body = {"model_name": "scheduled", "version": "latest", "announced": True, "recipe": {"stage_if": "better"}}
    made = stack.api.post("/api/v1/schedules", json=body)
    assert made.status_code == 201, made.text
    schedule = f"/api/v1/schedules/{made.json()['schedule_id']}"

    announced = {"Idempotency-Key": "the data of today"}
    for _ in range(2):
        assert httpx.post(f"{stack.url}{made.json()['address']}", headers=announced).status_code == 202
    pid = stack.pid(CONTROL)
    os.kill(pid, signal.SIGKILL)  # Before, while or after the job is made.
    wait_for(lambda: stack.pid(CONTROL) not in {0, pid}, what=lambda: "the control plane to be started again")
    stack.await_ready()

    def started() -> str | None:
        (run,) = stack.get(schedule)["runs"]
        return None if run["job_id"] is None else str(run["job_id"])

    again = wait_for(started, what=lambda: f"the run to begin: {stack.get(schedule)}")
    gates.folder = stack.home / "jobs" / again / "run-1" / "work"
    gates.await_reached("training")
    pid = stack.pid(CONTROL)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.pid(CONTROL) not in {0, pid}, what=lambda: "the control plane to be started again")
    gates.open("training", "end")
    stack.await_ready()

    job = stack.succeeded(again)
    assert (job["kind"], job["model_version"], job["retraining"]["parent_version"]) == ("retraining", "2", 1)
    versions = stack.get("/api/v1/ml/registry/models/scheduled/versions")["versions"]
    assert [(one["version"], one["stage"]) for one in versions] == [(2, "staging"), (1, "none")]
    jobs = stack.get("/mlops/jobs", kind="retraining", model_name="scheduled")["jobs"]
    assert [one["job_id"] for one in jobs] == [again]
