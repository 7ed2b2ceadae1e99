"""Login at an identity provider: a real issuer over HTTP, a browser without JavaScript, and what an attacker tries."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from access_platform import Platform
from oidc_issuer import AUDIENCE, CLIENT_ID, CLIENT_SECRET, Issuer
from pydantic import SecretStr

from modelyard.access.settings import AccessSettings, OidcSettings
from modelyard.http.settings import HttpSettings

SESSION, PENDING = "modelyard_console", "modelyard_login"
FOLLOWED_LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        issuer.add_key("one")
        yield issuer


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Platform]:
    home: Path = tmp_path_factory.mktemp("identity") / "home"
    oidc = OidcSettings(
        issuer=issuer.url, audience=AUDIENCE, client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET)
    )
    access = AccessSettings(failed_logins_per_minute=1000)
    with Platform(home, oidc=oidc, access=access) as platform:
        platform.clock.sleep((datetime.now(UTC) - platform.clock.now()).total_seconds())
        platform.operator.post("/api/v1/access/members", json={"subject": "anna", "role": "developer"})
        yield platform


@pytest.fixture
def browser(platform: Platform, issuer: Issuer) -> httpx.Client:
    issuer.person = {"sub": "anna"}
    client = platform.at(None)
    client.headers["Accept"] = "text/html"
    return client


def begin(browser: httpx.Client, wanted: str = "") -> str:
    """Where the console sends a browser that wants to log in."""
    left = browser.get("/console/login/identity", params={"next": wanted} if wanted else {})
    assert left.status_code == 303, left.text
    return left.headers["location"]


def way_back(place: str) -> str:
    """Where the issuer sends it."""
    return httpx.get(place).headers["location"]


def reason(answer: httpx.Response) -> str:
    """What the login page says; nobody is in."""
    assert answer.status_code == 401, answer.text
    assert SESSION not in answer.headers.get("set-cookie", "")
    assert answer.headers["cache-control"] == "no-store"
    return answer.text.partition('role="alert"')[2].partition("<p>")[2].partition("</p>")[0]


class TestALogin:
    def test_it_leads_to_the_issuer_and_back_to_the_page_that_was_wanted(
        self, browser: httpx.Client, platform: Platform
    ) -> None:
        assert "Log in with 127.0.0.1" in browser.get("/console/login").text
        place = begin(browser, "/console/models?text=a")
        asked = parse_qs(urlsplit(place).query)
        assert asked["redirect_uri"] == [f"http://127.0.0.1:{platform.port}/console/login/callback"]
        assert (asked["scope"], asked["code_challenge_method"]) == (["openid"], ["S256"])
        entered = browser.get(way_back(place), headers=FOLLOWED_LINK)
        assert (entered.status_code, entered.headers["location"]) == (303, "/console/models?text=a")
        page = browser.get("/console/models")
        assert page.status_code == 200
        assert '<span class="person" title="developer">' in page.text

    def test_what_is_pending_is_for_the_login_alone_and_goes_with_it(self, browser: httpx.Client) -> None:
        left = browser.get("/console/login/identity")
        cookie = left.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "Max-Age=600", "Path=/console/login", "SameSite=lax"))
        browser.get(way_back(left.headers["location"]))
        assert PENDING not in browser.cookies

    def test_the_session_ends_with_the_token_and_its_role_is_the_members(
        self, browser: httpx.Client, platform: Platform, issuer: Issuer
    ) -> None:
        admin = platform.operator
        admin.post("/api/v1/access/members", json={"subject": "bob", "role": "developer"})
        issuer.person = {"sub": "bob"}
        browser.get(way_back(begin(browser)))
        admin.patch("/api/v1/access/members/bob", json={"role": "viewer"})
        assert 'title="viewer"' in browser.get("/console").text
        platform.clock.sleep(600)
        assert browser.get("/console").status_code == 303
        browser.get(way_back(begin(browser)))
        platform.clock.sleep(-600)
        assert browser.get("/console").status_code == 200
        admin.delete("/api/v1/access/members/bob")
        assert browser.get("/console").status_code == 303

    def test_who_left_may_leave_the_issuer_too(self, browser: httpx.Client, platform: Platform, issuer: Issuer) -> None:
        place = urlsplit(browser.get("/console/login/leave").headers["location"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == f"{issuer.url}/logout"
        back = f"http://127.0.0.1:{platform.port}/console/login"
        assert parse_qs(place.query) == {"client_id": [CLIENT_ID], "post_logout_redirect_uri": [back]}

    @pytest.mark.parametrize("wanted", ["https://elsewhere.example/console", "//elsewhere.example", "/console\\..//x"])
    def test_it_leads_nowhere_but_to_pages_of_the_console(self, browser: httpx.Client, wanted: str) -> None:
        assert browser.get(way_back(begin(browser, wanted))).headers["location"] == "/console"

    def test_it_works_below_the_path_of_a_proxy(self, tmp_path: Path, issuer: Issuer) -> None:
        oidc = OidcSettings(issuer=issuer.url, audience=AUDIENCE, client_id=CLIENT_ID)
        with Platform(tmp_path / "home", oidc=oidc, http=HttpSettings(public_path="/some/where")) as platform:
            left = platform.at(None).get("/console/login/identity")
            asked = parse_qs(urlsplit(left.headers["location"]).query)
            assert urlsplit(asked["redirect_uri"][0]).path == "/some/where/console/login/callback"
            assert "Path=/some/where/console/login" in left.headers["set-cookie"]


class TestHostility:
    def test_a_way_back_of_another_browser_is_refused(self, browser: httpx.Client, platform: Platform) -> None:
        back = way_back(begin(browser))
        victim = platform.at(None)
        assert "another browser" in reason(victim.get(back))
        begin(victim)
        assert "another browser" in reason(victim.get(back))

    @pytest.mark.parametrize("cookie", ["", "e30=", "bm8=", "%%%", "eyJzdGF0ZSI6MX0="])
    def test_a_cookie_that_is_none_of_ours_finishes_nothing(self, browser: httpx.Client, cookie: str) -> None:
        browser.cookies.set(PENDING, cookie, path="/console/login")
        assert "another browser" in reason(browser.get("/console/login/callback?state=&code=a"))

    @pytest.mark.parametrize(
        ("claims", "said"),
        [
            ({"nonce": "of another login"}, "not one of this login"),
            ({"nonce": None}, "not one of this login"),
            ({"aud": AUDIENCE}, "for another audience"),
            ({"aud": [CLIENT_ID, "other"], "azp": "other"}, "made for another client"),
            ({"iss": "https://elsewhere.example"}, "of another issuer"),
            ({"exp": 1}, "has expired"),
            ({"sub": "stranger"}, "is not a member"),
        ],
    )
    def test_a_token_that_is_not_of_this_login_lets_nobody_in(
        self, browser: httpx.Client, issuer: Issuer, claims: dict[str, Any], said: str
    ) -> None:
        issuer.person = {"sub": "anna", **claims}
        assert said in reason(browser.get(way_back(begin(browser))))

    def test_a_token_that_the_issuer_did_not_sign_lets_nobody_in(self, browser: httpx.Client, issuer: Issuer) -> None:
        with Issuer() as forger:
            forger.add_key("one")
            place = begin(browser)
            nonce = parse_qs(urlsplit(place).query)["nonce"][0]
            token = forger.token(iss=issuer.url, aud=CLIENT_ID, nonce=nonce)
            issuer.answers["/token"] = (200, f'{{"id_token": "{token}"}}'.encode())
            try:
                assert "signature is wrong" in reason(browser.get(way_back(place)))
            finally:
                issuer.answers.clear()

    def test_a_way_back_is_good_for_one_login(self, browser: httpx.Client) -> None:
        place = begin(browser)
        pending = browser.cookies[PENDING]
        back = way_back(place)
        assert browser.get(back).status_code == 303
        assert "another browser" in reason(browser.get(back))
        browser.cookies.set(PENDING, pending, path="/console/login")
        assert "does not take this login" in reason(browser.get(back))

    def test_a_code_of_another_login_is_worth_nothing_with_this_one(
        self, browser: httpx.Client, platform: Platform
    ) -> None:
        stolen = parse_qs(urlsplit(way_back(begin(platform.at(None)))).query)["code"][0]
        state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
        answer = browser.get(f"/console/login/callback?{urlencode({'state': state, 'code': stolen})}")
        assert "does not take this login" in reason(answer)

    def test_another_issuers_answer_is_refused_before_its_code_is_redeemed(
        self, browser: httpx.Client, issuer: Issuer
    ) -> None:
        state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
        before = len(issuer.asked)
        query = urlencode({"state": state, "code": "a", "iss": "https://elsewhere.example"})
        assert "another identity provider" in reason(browser.get(f"/console/login/callback?{query}"))
        assert len(issuer.asked) == before

    @pytest.mark.parametrize(
        ("error", "said"), [("access_denied", "(access_denied)"), ("Call +1 900 <b>now</b>", "did not log you in")]
    )
    def test_a_refusal_shows_the_codes_of_the_protocol_and_no_text_of_a_link(
        self, browser: httpx.Client, error: str, said: str
    ) -> None:
        state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
        query = urlencode({"state": state, "error": error, "error_description": "Call +1 900"})
        shown = reason(browser.get(f"/console/login/callback?{query}"))
        assert said in shown
        assert "900" not in shown

    def test_an_issuer_that_does_not_answer_is_said_and_keeps_no_token_out(
        self, tmp_path: Path, issuer: Issuer
    ) -> None:
        with Issuer() as gone:
            address = gone.url
        oidc = OidcSettings(issuer=address, audience=AUDIENCE, client_id=CLIENT_ID)
        with Platform(tmp_path / "home", oidc=oidc) as platform:
            answer = platform.at(None).get("/console/login/identity")
            assert answer.status_code == 503
            assert "does not answer as it should" in answer.text
            entered = platform.at(None).post("/console/login", data={"token": platform.operator_token})
            assert entered.status_code == 303
