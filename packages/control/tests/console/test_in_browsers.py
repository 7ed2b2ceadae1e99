"""Every page in a real browser, for each role: nothing is refused by the policy, or fails, or is hard to read."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import ROLES, ROOT, Faults, Installation, eventually, hide, logged_in, see_again
from playwright.sync_api import Browser, Page, expect

AXE = os.environ.get("MODELYARD_AXE")
LOOKED_AT_BY = ("viewer", "admin")
"""Roles whose pages axe reads: every button is disabled for the one, and there for the other."""
PAGES = (
    "/console",
    "/console/models",
    "/console/models?text=nothing-is-called-so",
    "/console/models?order=wrong",
    "/console/models/churn",
    "/console/models/churn?at=2026-01-01T00:00:00Z",
    "/console/models/nothing",
    "/console/models/churn/versions/1",
    "/console/models/churn/versions/2?tab=findings",
    "/console/models/churn/versions/1?tab=lineage",
    "/console/models/churn/versions/1?tab=files",
    "/console/models/churn/policy",
    "/console/models/churn/versions/2/delete?mode=2",
    "/console/models/churn/deleted",
    "/console/models/churn/compare",
    "/console/models/fraud/compare",
    "/console/approvals",
    "/console/approvals?status=all",
    "/console/approvals/churn/{request_id}",
    "/console/activity",
    "/console/activity/verify",
    "/console/jobs",
    "/console/jobs?status=cancelled",
    "/console/jobs/new",
    "/console/jobs/{job_id}",
    "/console/jobs/{failed_job_id}",
    "/console/jobs/{failed_job_id}/notebook",
    "/console/jobs/{notebook_job_id}",
    "/console/deployments",
    "/console/deployments/{deployment_id}",
    "/console/deployments/{deployment_id}/stop",
    "/console/deployments/{deployment_id}/try",
    "/console/deployments/new?model=churn&version=1",
    "/console/uploads/new",
    "/console/apis",
    "/console/apis/new",
    "/console/apis/churn-v1",
    "/console/apis/churn-v1/changes",
    "/console/gateway/version-sets",
    "/console/gateway/version-sets/score",
    "/console/gateway/products",
    "/console/gateway/products/gold",
    "/console/gateway/subscriptions",
    "/console/gateway/subscriptions/{subscription_id}",
    "/console/gateway/explain?url=/score/predict",
    "/console/rollouts",
    "/console/rollouts/{rollout_id}",
    "/console/rollouts/new",
    "/console/schedules",
    "/console/schedules/new",
    "/console/schedules/{schedule_id}",
    "/console/settings",
    "/console/settings/tokens",
    "/console/settings/webhooks",
    "/console/settings/webhooks/{webhook_id}",
    "/console/settings/webhooks/{webhook_id}/deliveries/{delivery_id}",
    "/console/settings/policies",
    "/console/settings/platform",
    "/console/nothing",
)


@pytest.fixture(scope="module", params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tab(role: str, browser: Browser, installation: Installation) -> Iterator[tuple[Page, Faults]]:
    """One for all pages: what a page leaves behind meets the next one, as with people."""
    context = logged_in(browser, installation, role)
    page, faults = context.new_page(), Faults()
    faults.watch(page)
    yield page, faults
    context.close()


class TestEveryPage:
    @pytest.mark.parametrize("path", PAGES)
    def test_breaks_no_rule_and_is_accessible(
        self, tab: tuple[Page, Faults], installation: Installation, path: str, role: str
    ) -> None:
        page, faults = tab
        faults.found.clear()
        page.goto(path.format(**installation.ids))
        expect(page.locator("h1")).to_be_visible()
        faults.look(page)
        assert faults.found == []
        if AXE is not None and role in LOOKED_AT_BY:
            page.evaluate(Path(AXE).read_text())
            found = page.evaluate("axe.run().then((result) => result.violations)")
            assert [(one["id"], one["help"]) for one in found if one["impact"] in {"serious", "critical"}] == []


@pytest.fixture
def page(browser: Browser, installation: Installation) -> Iterator[Page]:
    context = logged_in(browser, installation, "developer")
    yield context.new_page()
    context.close()


class TestKeys:
    def test_they_lead_to_pages_and_to_the_field_that_finds(self, page: Page) -> None:
        page.goto("/console")
        page.keyboard.press("g")
        page.keyboard.press("m")
        expect(page).to_have_url("/console/models")
        page.keyboard.press("/")
        expect(page.locator("#jump")).to_be_focused()
        page.keyboard.press("?")
        expect(page.locator("#help")).not_to_be_visible()
        page.locator("#jump").blur()
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()


class TestNotebooks:
    def test_what_its_code_made_is_shown_and_runs_nothing(self, page: Page, installation: Installation) -> None:
        page.goto(f"/console/jobs/{installation.ids['notebook_job_id']}")
        page.get_by_role("link", name="as it was executed").click()
        frame = page.frame_locator("iframe")
        expect(frame.locator("pre").nth(1)).to_contain_text("fitted on 569 rows")
        expect(frame.get_by_role("img")).to_be_visible()
        assert frame.locator("img").evaluate("image => image.naturalWidth") == 1
        assert frame.locator("script, form").count() == 0
        expect(page).to_have_title("Executed notebook · Modelyard")
        assert page.evaluate("window.violations") == []


class TestFilters:
    def test_what_is_typed_is_in_the_address_and_back_takes_it_back(self, page: Page) -> None:
        page.goto("/console/models")
        expect(page.locator("tbody tr").first).to_be_visible()
        everything = page.locator("tbody tr").count()
        page.get_by_label("Text").press_sequentially("chu")
        expect(page.locator("tbody tr")).to_have_count(1)
        assert "text=chu" in page.url
        expect(page.get_by_label("Text")).to_be_focused()
        page.go_back()
        assert everything > 1
        expect(page.locator("tbody tr")).to_have_count(everything)


class TestWhatHappens:
    def test_a_page_shows_it_unasked_and_a_hidden_one_when_it_is_seen_again(
        self, page: Page, installation: Installation
    ) -> None:
        faults = Faults()
        faults.watch(page)
        feed = installation.platform.control.feed
        page.goto("/console/models")
        expect(page.locator("live-events")).to_have_text("live")
        describe(installation, "Sees more.")
        expect(page.locator("#rows")).to_contain_text("Sees more.", timeout=15_000)
        hide(page)
        eventually(lambda: feed.followers == 0)
        describe(installation, "Sees most.")
        see_again(page)
        expect(page.locator("#rows")).to_contain_text("Sees most.", timeout=15_000)
        faults.look(page)
        assert faults.found == []

    def test_closed_tabs_leave_no_stream_behind(self, page: Page, installation: Installation) -> None:
        feed = installation.platform.control.feed
        tabs = [page, *(page.context.new_page() for _ in range(2))]
        for tab in tabs:
            tab.goto("/console")
            expect(tab.locator("live-events")).to_have_text("live")
        assert feed.followers == len(tabs)
        tabs[0].goto("/console/models")
        for tab in tabs:
            tab.close()
        eventually(lambda: feed.followers == 0)


def describe(installation: Installation, text: str) -> None:
    changed = installation.platform.operator.patch(f"{ROOT}/fraud", json={"description": text})
    assert changed.status_code == 200, changed.text
