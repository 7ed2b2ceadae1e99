"""The log of a job in a real browser: a long one stays usable, a line has an address, and tabs end what they began."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from console_world import Faults, Installation, eventually, hide, logged_in, see_again
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from modelyard.jobs.log import BEFORE_RUN

LONG = 64 * 1024 * 1024
LINE = 64
"""Bytes of each of its lines."""
SHOWN = 5000
TABS = 8
"""More than a browser opens connections to one server."""


@dataclass(frozen=True, slots=True)
class LongLog:
    """The page that shows a log of 64 MiB, and the byte where its numbered lines begin."""

    page: str
    start: int

    def address(self, number: int) -> str:
        """Of a numbered line."""
        return f"{self.page}#at-{self.start + (number + 1) * LINE}"


@pytest.fixture(scope="module")
def long_log(installation: Installation) -> LongLog:
    """Of an ended job."""
    job_id = begin(installation, "fails_after_much.py")
    log = installation.platform.control.jobs.log(job_id)
    start = log.size()
    log.write(BEFORE_RUN, "".join(f"{number:<{LINE - 3}d}é\n" for number in range(LONG // LINE)))
    installation.platform.engine.run_next()
    return LongLog(f"/console/jobs/{job_id}", start)


@pytest.fixture
def running(installation: Installation) -> Iterator[str]:
    """A job that has not ended."""
    job_id = begin(installation, "fails_later.py")
    yield job_id
    installation.platform.engine.run_next()


@pytest.fixture(scope="module")
def window(browser: Browser, installation: Installation) -> Iterator[BrowserContext]:
    context = logged_in(browser, installation, "developer")
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    page = window.new_page()
    faults = Faults()
    faults.watch(page)
    yield page
    faults.look(page)
    page.close()
    assert faults.found == []


class TestLongLog:
    def test_its_end_is_shown_and_what_was_before_is_read_in_parts(self, page: Page, long_log: LongLog) -> None:
        page.goto(long_log.page)
        expect(page.locator("[data-said]")).to_have_text("This is the end of the log.")
        expect(lines(page)).to_have_count(SHOWN)
        expect(lines(page).last).to_contain_text("failed: ")
        first = number_of(lines(page).first)
        page.get_by_role("button", name="Earlier lines").click()
        expect(page.locator("[data-said]")).to_have_text("A part of the log.")
        shown = numbers(page)
        assert shown == list(range(shown[0], shown[0] + SHOWN))
        assert shown[0] < first
        page.get_by_role("button", name="The end").click()
        expect(lines(page).last).to_contain_text("failed: ")

    def test_each_line_has_an_address(self, page: Page, long_log: LongLog) -> None:
        wanted = 400_000
        page.goto(long_log.address(wanted))
        named = page.locator(".named")
        expect(named).to_contain_text(f"{wanted} ")
        expect(named).to_be_in_viewport()
        other = lines(page).nth(10)
        other.hover()
        other.get_by_role("link").click()
        assert page.url.endswith(long_log.address(number_of(other)))
        expect(other).to_have_class("named")
        page.go_back()
        expect(named).to_contain_text(f"{wanted} ")


class TestTabs:
    def test_only_the_one_that_is_seen_follows_and_closed_ones_leave_no_stream_behind(
        self, window: BrowserContext, installation: Installation, running: str
    ) -> None:
        log = installation.platform.control.jobs.log(running)
        log.write(BEFORE_RUN, "first")
        tabs = []
        for number in range(TABS):
            tab = window.new_page()
            tab.goto(f"/console/jobs/{running}")
            expect(lines(tab).last).to_have_text("first")
            eventually(lambda: streams(installation) == 1)
            if number < TABS - 1:
                hide(tab)
                eventually(lambda: streams(installation) == 0)
            tabs.append(tab)
        log.write(BEFORE_RUN, "second")
        expect(lines(tabs[-1]).last).to_have_text("second")
        assert lines(tabs[0]).last.text_content() == "first"
        see_again(tabs[0])
        expect(lines(tabs[0]).last).to_have_text("second")
        eventually(lambda: streams(installation) == 2)
        for tab in tabs:
            tab.close()
        eventually(lambda: streams(installation) == 0)


def begin(installation: Installation, script_name: str) -> str:
    developer = installation.platform.at(installation.tokens["developer"])
    body = {"script_name": script_name, "script_content": "log\n", "requirements": [], "model_name": "churn"}
    begun = developer.post("/mlops/training/upload", json=body)
    assert begun.status_code == 202, begun.text
    return str(begun.json()["job_id"])


def lines(page: Page) -> Locator:
    return page.locator("live-log pre > span")


def number_of(line: Locator) -> int:
    return int((line.text_content() or "").rstrip("é "))


def numbers(page: Page) -> list[int]:
    return [int(text.rstrip("é ")) for text in lines(page).all_text_contents()]


def streams(installation: Installation) -> int:
    return installation.platform.requests_in_progress
