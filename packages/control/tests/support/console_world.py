"""A small installation over HTTP, and browsers that look at its console."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from access_platform import MODEL_FILES, Platform
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

from modelyard.adapters.runner.fake import FakeRunner
from modelyard.gateway_node.comparer import ComparisonCounters, Example
from modelyard.gateway_node.counters import BackendCounters
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.training.logged import RUN_KEY_TAG

Json = dict[str, Any]

ROOT = "/api/v1/ml/registry/models"
ROLES = ("viewer", "developer", "approver", "admin")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SET_HIDDEN = """
hidden => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
COLLECT = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is there, and a token for each role."""

    platform: Platform
    tokens: dict[str, str]
    ids: dict[str, str]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.platform.port}"

    def reader(self, role: str) -> httpx.Client:
        """A client without JavaScript that has logged in to the console."""
        return self.logged_in(self.tokens[role])

    def logged_in(self, token: str) -> httpx.Client:
        """The same, with any token."""
        client = self.platform.at(None)
        client.headers["Accept"] = "text/html"
        entered = client.post("/console/login", data={"token": token})
        assert entered.status_code == 303, entered.text
        return client


@dataclass(slots=True)
class Faults:
    """What a page did that it should not."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note errors of the page, and of all that it loads, from now on."""

        def note_console(message: ConsoleMessage) -> None:
            # Chromium says so of the page itself too, whose status may be an error; what it loads is seen below.
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                self.found.append(f"{page.url}: {message.text}")

        def note_response(response: Response) -> None:
            if response.status >= HTTPStatus.BAD_REQUEST and not response.request.is_navigation_request():
                self.found.append(f"{page.url}: {response.status} of {response.url}")

        def note_failure(request: Request) -> None:
            if request.failure != "net::ERR_ABORTED":  # A stream that the page itself has closed.
                self.found.append(f"{page.url}: {request.failure} of {request.url}")

        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))
        page.on("console", note_console)
        page.on("response", note_response)
        page.on("requestfailed", note_failure)

    def look(self, page: Page) -> None:
        """Note what the policy refused on the page."""
        self.found += [f"{page.url}: {one}" for one in page.evaluate("window.violations")]


def fill(platform: Platform) -> Installation:
    """Three models with versions in each stage, jobs that ended well and badly, deployments, an approval that waits."""
    admin = platform.operator
    tokens = {"admin": platform.operator_token}
    for role in ROLES[:-1]:
        assert admin.post("/api/v1/access/members", json={"subject": role, "role": role}).status_code == 201
        made = admin.post("/api/v1/access/tokens", json={"name": "console", "subject": role})
        tokens[role] = made.json()["secret"]
    developer = platform.at(tokens["developer"])

    let_scripts_train(platform)
    for name in ("train_churn.py", "fails.py"):
        body: Json = {"script_name": name, "script_content": "log\n", "requirements": [], "model_name": "churn"}
        assert developer.post("/mlops/training/upload", json=body).status_code == 202
        platform.engine.run_next()
    for name, auc in (("churn", 0.93), ("churn", 0.95), ("fraud", 0.8), ("prices of flats", 0.7)):
        body = {"name": name, "artifact_id": platform.log_model(auc=auc), "description": f"Predicts {name}."}
        made = developer.post(ROOT, json={**body, "tags": {"team": "growth"}})
        assert made.status_code == 201, made.text
    _promote(developer, platform.at(tokens["approver"]), "churn", 1)
    waiting = _ask(developer, f"{ROOT}/churn/versions/2/stage", "2 points better on the test set")
    assert developer.post("/api/v1/deployments", json={"model_name": "churn"}).status_code == 202
    platform.engine.run_next()
    (deployment,) = developer.get("/api/v1/deployments").json()["deployments"]
    assert deployment["status"] == "ready", deployment
    jobs = developer.get("/mlops/jobs").json()["jobs"]
    subscription_id = _open_to_callers(developer, admin)
    notebook_job_id = _execute_a_notebook(platform, developer)
    rollout_id = _roll_out(platform, developer, platform.at(tokens["approver"]))
    _shadow(platform, platform.at(tokens["approver"]))
    webhook = {"url": "https://example.com/hook", "description": "The team's channel", "event_types": ["job.failed"]}
    made = admin.post("/api/v1/webhooks", json=webhook).json()
    sent = admin.post(f"/api/v1/webhooks/{made['webhook']['webhook_id']}/test").json()
    nightly = {"model_name": "churn", "cron": "30 3 * * *", "description": "As the data comes in"}
    schedule = developer.post("/api/v1/schedules", json=nightly)
    assert schedule.status_code == 201, schedule.text
    return Installation(
        platform,
        tokens,
        {
            "deployment_id": deployment["deployment_id"],
            "request_id": waiting,
            "rollout_id": rollout_id,
            "subscription_id": subscription_id,
            "notebook_job_id": notebook_job_id,
            "webhook_id": made["webhook"]["webhook_id"],
            "delivery_id": sent["delivery_id"],
            "schedule_id": schedule.json()["schedule_id"],
            "failed_job_id": next(job["job_id"] for job in jobs if job["status"] == "failed"),
            "job_id": next(job["job_id"] for job in jobs if job["status"] == "succeeded"),
        },
    )


def _execute_a_notebook(platform: Platform, developer: httpx.Client) -> str:
    """A job of a notebook, and what its code made of it: among it what no page may run; the job's id."""
    picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    hostile = "<script>parent.document.title='taken'</script><form action=/console/logout method=post></form>"
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "fitted on 569 rows\n" + hostile},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": picture, "text/html": hostile}},
    ]
    cell = {"cell_type": "code", "source": "fit()", "metadata": {}, "execution_count": 1, "outputs": outputs}
    notebook: Json = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{**cell, "id": "one"}]}
    text = json.dumps(notebook)
    body: Json = {"script_name": "explore.ipynb", "script_content": text, "model_name": "prices of flats"}
    body["requirements"] = []
    begun = developer.post("/mlops/training/upload", json=body)
    assert begun.status_code == 202, begun.text
    platform.engine.run_next()
    job_id = str(begun.json()["job_id"])
    place = platform.control._settings.storage.places.jobs / job_id / "notebook.ipynb"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return job_id


def _open_to_callers(developer: httpx.Client, admin: httpx.Client) -> str:
    """An API of a version set in a product, with two revisions, a release and a subscriber; the subscription's id."""
    gateway = "/api/v1/gateway"
    version_set = {"display_name": "Scores", "versioning_scheme": "Header", "version_header_name": "api-version"}
    api = {"display_name": "Churn scores", "path": "score", "api_version": "v1", "model_name": "churn"}
    limits = {"rate": {"calls": 100, "seconds": 1}, "quota": {"calls": 10_000, "period": "day"}}
    product = {"product_id": "gold", "display_name": "Gold", "api_ids": ["churn-v1"], "limits": limits}
    subscription = {"display_name": "The shop", "scope": {"kind": "product", "name": "gold"}}
    for client, path, body in (
        (developer, "version-sets", {**version_set, "version_set_id": "score"}),
        (developer, "apis", {**api, "api_id": "churn-v1", "api_version_set_id": "score"}),
        (developer, "apis/churn-v1/releases", {"api_release_notes": "The first one"}),
        (developer, "apis/churn-v1/revisions", {"model_name": "churn", "stage": "production"}),
        (admin, "products", product),
        (admin, "subscriptions", subscription),
    ):
        made = client.post(f"{gateway}/{path}", json=body)
        assert made.status_code == 201, made.text
    return str(made.json()["subscription"]["subscription_id"])


def _roll_out(platform: Platform, developer: httpx.Client, approver: httpx.Client) -> str:
    """A roll-out that compares two versions of fraud, with what a gateway has counted of them; its id."""
    _promote(developer, approver, "fraud", 1)
    assert developer.post("/api/v1/deployments", json={"model_name": "fraud"}).status_code == 202
    platform.engine.run_next()
    second = {"name": "fraud", "artifact_id": platform.log_model(auc=0.84), "description": "Predicts fraud."}
    assert developer.post(ROOT, json=second).status_code == 201
    staged = developer.post(f"{ROOT}/fraud/versions/2/stage", json={"stage": "staging", "comment": "to be compared"})
    assert staged.status_code == 200, staged.text
    plan = {"steps": [{"weight": 10}, {"analysis": {"min_requests": 5000}}, {"weight": 50}, {"full": True}]}
    begun = approver.post("/api/v1/rollouts", json={"name": "fraud", "plan": plan})
    assert begun.status_code == 201, begun.text
    rollout = f"/api/v1/rollouts/{begun.json()['rollout_id']}"
    eventually(lambda: platform.engine.run_next() is not None)
    eventually(lambda: developer.get(rollout).json()["step"] == 1)
    running = developer.get("/api/v1/deployments", params={"model_name": "fraud"}).json()["deployments"]
    for look in range(6):
        platform.control.counting.note("node-1", [_counted(one, look * 60) for one in running])
        platform.control.rollout_parts.reconciler.make_pass()
    return str(begun.json()["rollout_id"])


def _shadow(platform: Platform, approver: httpx.Client) -> None:
    """The second version of churn gets copies, and a node has compared its answers."""
    split = {"shares": [{"version": 1, "percent": 100}], "shadow": {"version": 2, "percent": 20}}
    assert approver.put("/api/v1/gateway/traffic/churn", json=split).status_code == 200
    (name,) = (one.comparison for one in platform.control.rollout_parts.traffic.every() if one.model_name == "churn")
    examples = (Example("req-20", "predictions[0]: <1>, not 0"),)
    found = ComparisonCounters("dep-2", "dep-1", 1250, 1, 5000.0, 3750.0, examples, str(name))
    platform.control.counting.note("node-2", [], [found])


def _counted(deployment: Json, requests: int) -> BackendCounters:
    """What a node of the gateway has counted of a deployment: the second version is a little slower."""
    is_candidate = deployment["model_version"] == 2
    requests = 1000 + requests * (1 if is_candidate else 9)
    slower = ((5.0, requests // 2), (10.0, requests // 10), (25.0, requests // (25 if is_candidate else 40)), (50.0, 0))
    return BackendCounters(deployment["deployment_id"], requests, requests // 200, requests, slower)


def let_scripts_train(platform: Platform) -> None:
    """Every run logs a model, but those of scripts that are called after their failing."""

    def script(spec: RunSpec) -> RunOutcome:
        if "fails" in spec.script_name:
            return RunOutcome(RunPhase.FINISHED, exit_code=1, reason="ValueError: Input X contains NaN.")
        run_id = platform.tracking.log_run("churn", tags={RUN_KEY_TAG: spec.run_key}, metrics={"auc": 0.91})
        platform.tracking.log_model(run_id, "model", MODEL_FILES)
        return RunOutcome(RunPhase.FINISHED, exit_code=0)

    runner = platform.control._adapters.runner
    assert isinstance(runner, FakeRunner)
    runner._script = script


def _promote(developer: httpx.Client, approver: httpx.Client, name: str, version: int) -> None:
    """Into production, by two people."""
    path = f"{ROOT}/{name}/versions/{version}/stage"
    request = _ask(developer, path, "the first that serves")
    approved = approver.post(f"{ROOT}/{name}/requests/{request}/approve", json={"comment": "measured and read"})
    assert approved.json()["status"] == "approved", approved.text


def _ask(developer: httpx.Client, path: str, comment: str) -> str:
    """Into staging, and ask for production; the id of the request."""
    staged = developer.post(path, json={"stage": "staging", "comment": "to be looked at"})
    assert staged.status_code == 200, staged.text
    asked = developer.post(path, json={"stage": "production", "comment": comment})
    assert asked.status_code == 202, asked.text
    return str(asked.json()["request"]["request_id"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


def logged_in(browser: Browser, installation: Installation, role: str, **options: object) -> BrowserContext:
    """A window in which somebody of this role has logged in."""
    context = browser.new_context(base_url=installation.url, **options)  # type: ignore[arg-type]  # Of the driver.
    context.add_init_script(COLLECT)
    page = context.new_page()
    page.goto("/console/login")
    page.get_by_label("Token").fill(installation.tokens[role])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/console")
    page.close()
    return context


def picture(page: Page, path: Path) -> None:
    """Save what a page looks like, all of it."""
    page.screenshot(path=path, full_page=True)


def hide(page: Page) -> None:
    """Behave as a tab that nobody sees: without a screen every tab is seen."""
    page.evaluate(_SET_HIDDEN, True)  # noqa: FBT003  # An argument of the script.


def see_again(page: Page) -> None:
    """End what `hide` began."""
    page.evaluate(_SET_HIDDEN, False)  # noqa: FBT003  # An argument of the script.


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
