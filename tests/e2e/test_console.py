"""The console alone, on a real stack: from an empty installation to a governed model in production that is called."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from console_world import COLLECT, Faults, chromium
from playwright.sync_api import Browser, Page, expect
from tests.e2e.stack import EXAMPLES, Stack, wait_for

_SLOW = 240_000
"""Milliseconds for what trains or starts something."""
MODEL = "tumours"


@dataclass
class Office:
    """The people of a tenant, each in a window of their own."""

    stack: Stack
    browser: Browser
    faults: Faults = field(default_factory=Faults)

    def window(self, token: str) -> Page:
        """The first page of somebody who logs in."""
        context = self.browser.new_context(base_url=self.stack.url)
        context.add_init_script(COLLECT)
        page = context.new_page()
        self.faults.watch(page)
        page.goto("/")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        return page


@pytest.fixture
def office(stack: Stack) -> Iterator[Office]:
    with chromium() as browser:
        yield Office(stack, browser)


@pytest.fixture
def admin_token(stack: Stack) -> str:
    """Of a tenant in which nothing is yet: on a stack that many tests share, that is an empty installation."""
    made = stack.api.post("/api/v1/access/tenants", json={"tenant_id": "clinic", "admin": "ada"})
    assert made.status_code == 201, made.text
    return str(made.json()["admin_token"]["secret"])


def test_a_new_user_brings_a_model_into_production_with_the_console_alone(office: Office, admin_token: str) -> None:
    admin = office.window(admin_token)
    expect(admin.get_by_role("heading", level=1)).to_have_text("Begin")
    developer = office.window(_colleague(admin, "dev", "developer"))
    reviewer = office.window(_colleague(admin, "rev", "approver"))

    _train(developer)
    _govern(admin)
    _stage(developer, "staging")
    _stage(developer, "production")
    expect(developer.locator("h1 .status")).to_have_text("requested")
    expect(developer.get_by_role("button", name="Approve")).to_be_disabled()
    _approve(reviewer)

    developer.goto(f"/console/models/{MODEL}")
    expect(developer.locator("main")).to_contain_text("Version 1 is live: rev put it there")
    _deploy(developer)
    _try(developer)
    key = _open_to_a_caller(developer, admin)
    _call(office, developer, key)
    _stop(developer)
    for page in (admin, developer, reviewer):
        office.faults.look(page)
    assert office.faults.found == []


def _colleague(admin: Page, subject: str, role: str) -> str:
    """A member and a token of theirs, made under Settings; the secret."""
    admin.goto("/console/settings/members")
    admin.get_by_label("Subject").fill(subject)
    admin.locator("#f-role").select_option(role)
    admin.get_by_role("button", name="Add member").click()
    expect(admin.get_by_role("rowheader", name=subject)).to_be_visible()
    admin.goto("/console/settings/tokens")
    admin.get_by_label("Name").fill("console")
    admin.get_by_label("Member (you, if empty)").fill(subject)
    admin.get_by_role("button", name="Make token").click()
    return admin.locator(".secret pre").inner_text()


def _train(developer: Page) -> None:
    """Send the example's file, and watch its log until it has ended."""
    developer.get_by_role("link", name="on a page").click()
    developer.get_by_label("Model", exact=True).fill(MODEL)
    developer.get_by_label("Script or notebook").set_input_files(EXAMPLES / "breast_cancer" / "train.py")
    developer.get_by_role("button", name="Train and register").click()
    expect(developer.get_by_role("heading", level=1)).to_contain_text(f"Training of {MODEL}")
    _succeed(developer)
    developer.get_by_role("link", name="version 1").click()
    expect(developer.locator("main")).to_contain_text("roc_auc")


def _succeed(page: Page) -> None:
    """Stay on a job's page until it says that the job has succeeded."""
    expect(page.locator("[data-said]")).to_contain_text("end of the log", timeout=_SLOW)
    page.reload()
    expect(page.locator("h1 .status"), page.locator("main").inner_text()[-2000:]).to_have_text("succeeded")


def _govern(admin: Page) -> None:
    """Ask for a metric, before anything gets into production."""
    admin.goto("/console/settings/policies")
    admin.get_by_role("link", name=f"Policy of {MODEL}").click()
    admin.locator("#f-metric-0").fill("accuracy")
    admin.locator("#f-threshold-0").fill("0.9")
    admin.get_by_role("button", name="Put this policy in place").click()
    expect(admin.locator(".checks")).to_contain_text("accuracy at least 0.9")


def _stage(developer: Page, stage: str) -> None:
    developer.get_by_label("To", exact=True).select_option(stage)
    developer.get_by_label("Why").fill("it finds what it should")
    developer.get_by_role("button", name="Move").click()


def _approve(reviewer: Page) -> None:
    """Read the evidence, and agree."""
    reviewer.goto("/console")
    reviewer.locator("main").get_by_role("link", name=f"{MODEL} 1").click()
    expect(reviewer.locator(".checks")).to_contain_text("expected at least 0.9, got 0.9")
    reviewer.get_by_label("Comment").fill("measured on rows that it has not seen")
    reviewer.get_by_role("button", name="Approve").click()
    expect(reviewer.locator("h1 .status")).to_have_text("approved")


def _deploy(developer: Page) -> None:
    developer.goto(f"/console/models/{MODEL}/versions/1")
    developer.get_by_role("link", name="Deploy", exact=True).click()
    developer.get_by_label("Replicas").fill("1")
    developer.get_by_role("button", name="Deploy", exact=True).click()
    _succeed(developer)
    developer.locator("dl").get_by_role("link", name=re.compile("^dep-")).click()
    expect(developer.locator("h1 .status")).to_have_text("ready")


def _try(developer: Page) -> None:
    """Send the version's own example as it stands in the form."""
    developer.get_by_role("button", name="Send").click()
    expect(developer.locator("#try h3")).to_contain_text("200")
    expect(developer.locator("#try .code").first).to_contain_text('"predictions"')


def _open_to_a_caller(developer: Page, admin: Page) -> str:
    """An API before the model, released, and a key for somebody who calls it."""
    developer.goto(f"/console/models/{MODEL}")
    developer.get_by_role("link", name="Make an API").click()
    for label, text in (("Name", "Tumours"), ("Id", "tumours-v1"), ("Path", "tumour-scores")):
        developer.get_by_label(label, exact=True).fill(text)
    developer.get_by_label("Stage").select_option("production")
    developer.get_by_role("button", name="Make API").click()
    developer.get_by_label("Notes for callers").fill("The first one")
    developer.get_by_role("button", name="Release", exact=True).click()
    expect(developer.get_by_role("region", name="Releases")).to_contain_text("The first one")
    admin.goto("/console/gateway/subscriptions")
    admin.get_by_label("Name", exact=True).fill("The clinic's screens")
    admin.get_by_label("Whose id or name is").fill("tumours-v1")
    admin.get_by_role("button", name="Make subscription").click()
    return admin.locator(".secret pre").first.inner_text()


def _call(office: Office, developer: Page, key: str) -> None:
    """As a program does: with the key, at the address that the console explains."""
    developer.goto("/console/gateway/explain?url=/@clinic/tumour-scores/predict")
    expect(developer.locator("main")).to_contain_text("tumours-v1")
    address = f"{office.stack.gateway_url}/@clinic/tumour-scores/predict"
    body = (EXAMPLES / "breast_cancer" / "request.json").read_text()

    def call(**headers: str) -> int:
        headers["Content-Type"] = "application/json"
        return office.stack.anyone.post(address, content=body, headers=headers).status_code

    # The gateway hears of a key within seconds.
    wait_for(lambda: call(**{"Ocp-Apim-Subscription-Key": key}) == 200, timeout=30, what=lambda: "an answer to the key")
    assert call() == 401


def _stop(developer: Page) -> None:
    """The page asks first."""
    developer.goto("/console/deployments")
    developer.get_by_role("link", name=MODEL).click()
    developer.get_by_role("link", name="Stop").click()
    expect(developer.get_by_role("heading", level=1)).to_have_text(f"Stop the deployment of {MODEL} 1?")
    developer.get_by_role("button", name="Stop the deployment").click()

    def is_ending() -> bool:
        developer.reload()
        return developer.locator("h1 .status").inner_text() in {"draining", "stopped"}

    wait_for(is_ending, timeout=30, every=0.5, what=lambda: "the end of the deployment")
