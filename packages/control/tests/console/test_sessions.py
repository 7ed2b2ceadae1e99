"""A session of the console: who gets one, what it opens, and when it ends."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from access_platform import Platform

COOKIE = "modelyard_console"
HOUR = 3600.0


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "home") as platform:
        yield platform


@pytest.fixture
def browser(platform: Platform) -> httpx.Client:
    client = platform.at(None)
    client.headers["Accept"] = "text/html"
    return client


def log_in(browser: httpx.Client, token: str, *, wanted: str = "") -> httpx.Response:
    return browser.post("/console/login", data={"token": token, "next": wanted})


def is_in(browser: httpx.Client) -> bool:
    answer = browser.get("/console/models")
    assert answer.status_code in {200, 303}, answer.text
    return answer.status_code == 200


class TestLogin:
    def test_a_page_leads_to_the_login_and_back(self, browser: httpx.Client, platform: Platform) -> None:
        led = browser.get("/console/models?text=a&stage=staging")
        assert led.headers["location"] == "/console/login?next=%2Fconsole%2Fmodels%3Ftext%3Da%26stage%3Dstaging"
        back = log_in(browser, platform.operator_token, wanted="/console/models?text=a&stage=staging")
        assert (back.status_code, back.headers["location"]) == (303, "/console/models?text=a&stage=staging")
        assert is_in(browser)

    def test_the_cookie_is_for_the_console_and_no_script(self, browser: httpx.Client, platform: Platform) -> None:
        cookie = log_in(browser, platform.operator_token).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "Path=/console" in cookie
        assert "SameSite=lax" in cookie
        assert platform.operator_token not in cookie

    @pytest.mark.parametrize(
        "wanted",
        ["https://elsewhere.example/console", "//elsewhere.example", "/\\elsewhere.example", "/consoleevil", "/docs"],
    )
    def test_it_leads_nowhere_but_to_pages_of_the_console(
        self, browser: httpx.Client, platform: Platform, wanted: str
    ) -> None:
        assert log_in(browser, platform.operator_token, wanted=wanted).headers["location"] == "/console"

    def test_the_page_says_that_a_token_is_wrong(self, browser: httpx.Client) -> None:
        answer = log_in(browser, "my_wrong")
        assert answer.status_code == 401
        assert "the token is unknown, expired or revoked" in answer.text
        assert COOKIE not in answer.headers.get("set-cookie", "")

    def test_too_many_wrong_tokens_are_refused(self, browser: httpx.Client) -> None:
        assert {log_in(browser, f"my_wrong{number}").status_code for number in range(40)} == {401, 429}

    def test_a_page_of_another_site_cannot_log_somebody_in(self, browser: httpx.Client, platform: Platform) -> None:
        foreign = {"Origin": "https://elsewhere.example"}
        answer = browser.post("/console/login", data={"token": platform.operator_token}, headers=foreign)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


class TestItsWorth:
    def test_it_is_no_token_and_a_token_no_session(self, browser: httpx.Client, platform: Platform) -> None:
        log_in(browser, platform.operator_token)
        secret = browser.cookies[COOKIE]
        assert platform.at(secret).get("/api/v1/access/whoami").status_code == 401
        assert browser.get("/api/v1/access/whoami").status_code == 401
        bearer = platform.operator
        bearer.headers["Accept"] = "text/html"
        assert bearer.get("/console/models").status_code == 303

    def test_it_may_what_its_token_may(self, platform: Platform) -> None:
        narrowed = platform.operator.post(
            "/api/v1/access/tokens", json={"name": "n", "subject": "admin", "scopes": ["jobs:read"]}
        ).json()["secret"]
        browser = platform.at(None)
        browser.headers["Accept"] = "text/html"
        log_in(browser, narrowed)
        assert browser.get("/console/models").status_code == 403


class TestItsEnd:
    def test_it_ends_with_the_token_that_opened_it(self, browser: httpx.Client, platform: Platform) -> None:
        made = platform.operator.post("/api/v1/access/tokens", json={"name": "n"}).json()
        log_in(browser, made["secret"])
        assert is_in(browser)
        platform.operator.delete(f"/api/v1/access/tokens/{made['token']['token_id']}")
        assert not is_in(browser)

    def test_it_ends_with_its_member_and_with_its_tenant(self, platform: Platform) -> None:
        ada = platform.tenant("north")
        made = ada.post("/api/v1/access/members", json={"subject": "bob", "role": "viewer"})
        assert made.status_code == 201
        tokens = [
            ada.post("/api/v1/access/tokens", json={"name": "n", "subject": subject}).json()["secret"]
            for subject in ("bob", "ada")
        ]
        bob, boss = (platform.at(None) for _ in tokens)
        for browser, token in zip((bob, boss), tokens, strict=True):
            browser.headers["Accept"] = "text/html"
            log_in(browser, token)
            assert is_in(browser)
        assert ada.delete("/api/v1/access/members/bob").status_code == 204
        assert (is_in(bob), is_in(boss)) == (False, True)
        platform.operator.post("/api/v1/access/tenants/north/suspend", json={"reason": "unpaid"})
        assert not is_in(boss)

    def test_it_ends_by_logging_out(self, browser: httpx.Client, platform: Platform) -> None:
        log_in(browser, platform.operator_token)
        secret = browser.cookies[COOKIE]
        assert browser.post("/console/logout").headers["location"] == "/console/login"
        browser.cookies.set(COOKIE, secret, path="/console")
        assert not is_in(browser)

    @pytest.mark.parametrize("header", [{"Accept": "text/event-stream"}, {"Modelyard-Live": "true"}])
    def test_a_tab_that_nobody_looks_at_does_not_prolong_it(
        self, browser: httpx.Client, platform: Platform, header: dict[str, str]
    ) -> None:
        log_in(browser, platform.operator_token)
        for _ in range(2):
            platform.clock.sleep(HOUR - 60)
            assert browser.get("/console/api/api/v1/access/whoami", headers=header).status_code == 200
        platform.clock.sleep(180)
        assert not is_in(browser)

    def test_it_ends_after_two_hours_without_use_and_after_twelve_with(
        self, browser: httpx.Client, platform: Platform
    ) -> None:
        log_in(browser, platform.operator_token)
        platform.clock.sleep(2 * HOUR + 1)
        assert not is_in(browser)
        log_in(browser, platform.operator_token)
        for _ in range(11):
            platform.clock.sleep(HOUR)
            assert is_in(browser)
        platform.clock.sleep(HOUR + 1)
        assert not is_in(browser)

    def test_a_script_of_a_page_is_led_to_the_login_by_htmx(self, browser: httpx.Client) -> None:
        answer = browser.get("/console/models", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/console/login")
