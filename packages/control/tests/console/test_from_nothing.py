"""From an empty installation to a version in production that a second person approved, on pages alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from access_platform import Platform
from console_world import Faults, Installation, let_scripts_train, logged_in
from playwright.sync_api import Browser, Page, expect


@pytest.fixture
def nothing_yet(tmp_path: Path) -> Iterator[Installation]:
    with Platform(tmp_path / "home") as platform:
        let_scripts_train(platform)
        yield Installation(platform, {"admin": platform.operator_token}, {})


def test_two_people_bring_a_model_into_production(browser: Browser, nothing_yet: Installation) -> None:
    faults = Faults()
    admin = _somebody(browser, nothing_yet, "admin", faults)
    expect(admin.get_by_role("heading", level=1)).to_have_text("Begin")
    for subject, role in (("dev", "developer"), ("rev", "approver")):
        nothing_yet.tokens[subject] = _member(admin, subject, role)

    developer = _somebody(browser, nothing_yet, "dev", faults)
    developer.get_by_role("link", name="on a page").click()
    developer.get_by_label("Model", exact=True).fill("prices")
    developer.get_by_label("Script", exact=True).fill("import mlflow")
    developer.get_by_role("button", name="Train and register").click()
    expect(developer.get_by_role("heading", level=1)).to_contain_text("Training of prices")
    nothing_yet.platform.engine.run_next()
    developer.reload()
    expect(developer.locator("h1 .status")).to_have_text("succeeded")
    developer.get_by_role("link", name="version 1").click()
    _move(developer, "staging")
    expect(developer.locator("h1 .status")).to_have_text("staging")
    _move(developer, "production")
    expect(developer.locator("h1 .status")).to_have_text("requested")

    reviewer = _somebody(browser, nothing_yet, "rev", faults)
    reviewer.locator("main").get_by_role("link", name="prices 1").click()
    reviewer.get_by_label("Comment").fill("measured and read")
    reviewer.get_by_role("button", name="Approve").click()
    expect(reviewer.locator("h1 .status")).to_have_text("approved")

    developer.goto("/console/models/prices")
    expect(developer.locator("main")).to_contain_text(re.compile("Version 1 is live: rev put it there"))
    for page in (admin, developer, reviewer):
        faults.look(page)
        page.context.close()
    assert faults.found == []


def _somebody(browser: Browser, installation: Installation, name: str, faults: Faults) -> Page:
    """The first page after a login."""
    page = logged_in(browser, installation, name).new_page()
    faults.watch(page)
    page.goto("/console")
    return page


def _member(admin: Page, subject: str, role: str) -> str:
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


def _move(page: Page, stage: str) -> None:
    """Ask for a stage on a version's page."""
    page.get_by_label("To", exact=True).select_option(stage)
    page.get_by_label("Why").fill("it is good")
    page.get_by_role("button", name="Move").click()
