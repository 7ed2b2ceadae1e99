"""Each page when nothing is there, when a part of the API fails, and when names are what strangers chose."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import httpx
import pytest
from console_world import ROOT, Installation, logged_in
from playwright.sync_api import Browser, Page

from modelyard.console.api import Api, ApiError, Json

EMPTY = {
    "/console": "Nothing is here yet.",
    "/console/models": "No model is here yet",
    "/console/approvals": "Nobody waits for an approval",
    "/console/jobs": "No job has run yet",
    "/console/deployments": "No deployment is here yet",
    "/console/apis": "No API is here yet",
    "/console/gateway/version-sets": "No version set is here yet",
    "/console/gateway/products": "No product is here yet",
    "/console/gateway/subscriptions": "Nobody subscribes yet",
    "/console/rollouts": "No roll-out has begun yet",
    "/console/schedules": "No schedule is here yet",
    "/console/settings/policies": "No model is here yet",
    "/console/settings/webhooks": "Nobody hears of events yet",
}
FAILING = {
    "/console/deployments/new": ("/mlops/status", "Targets"),
    "/console/deployments/{deployment_id}": ("/drift", "Drift"),
    "/console/apis/churn-v1": ("/releases", "Releases"),
    "/console/gateway/version-sets/score": ("/apis", "APIs"),
    "/console/gateway/subscriptions/{subscription_id}": ("/quotas", "Quotas"),
    "/console/gateway/explain?url=/score": ("/explain", "Explanation"),
    "/console/settings/webhooks/{webhook_id}": ("/deliveries", "Deliveries"),
    "/console/settings/platform": ("/whoami", "Who you are"),
    "/console/jobs/{notebook_job_id}/notebook": ("/notebook.html", "The executed notebook"),
}
HOSTILE = ("<script>alert(1)</script>", "\u202egnp.tpircs\u202c", "'\"><img src=x onerror=alert(1)>", "W" * 200)
"""Markup, text that turns round what follows it, quotes that end an attribute, and a word of no place to break."""


@pytest.fixture(scope="module")
def nobody(installation: Installation) -> httpx.Client:
    """Of a tenant in which nothing is yet."""
    return installation.logged_in(_token_of(installation.platform.tenant("desert")))


class TestEmpty:
    @pytest.mark.parametrize("path", EMPTY)
    def test_a_page_says_that_nothing_is_there_and_what_it_is_for(self, nobody: httpx.Client, path: str) -> None:
        page = nobody.get(path)
        assert (page.status_code, EMPTY[path] in page.text) == (200, True), page.text


class TestFailing:
    @pytest.mark.parametrize("path", FAILING)
    def test_the_part_is_named_and_the_rest_is_shown(
        self, installation: Installation, monkeypatch: pytest.MonkeyPatch, path: str
    ) -> None:
        ends, title = FAILING[path]
        ask: Callable[..., Awaitable[Json]] = Api._call

        async def fail(api: Api, method: str, asked: str, **options: object) -> Json:
            if asked.endswith(ends):
                raise ApiError(status=503, code="away", message="it does not answer")
            return await ask(api, method, asked, **options)

        monkeypatch.setattr(Api, "_call", fail)
        page = installation.reader("admin").get(path.format(**installation.ids))
        assert page.status_code == 200, page.text
        assert f"<b>{title}</b> cannot be shown now: it does not answer" in page.text
        assert len(re.findall('class="note bad" role="alert"', page.text)) == 1


@pytest.fixture(scope="module")
def named(installation: Installation) -> tuple[str, list[str]]:
    """A token of a tenant whose things are called what strangers chose, and the pages that show them."""
    admin = installation.platform.tenant("strangers")
    token = _token_of(admin)
    pages = ["settings/tokens", "settings/webhooks", "schedules", "activity"]
    pages += ["apis", "gateway/version-sets", "gateway/products", "gateway/subscriptions", "settings/members"]
    for number, name in enumerate(HOSTILE):
        gateway = "/api/v1/gateway"
        for path, body in (
            ("/api/v1/access/tokens", {"name": name[:100]}),
            ("/api/v1/webhooks", {"url": f"https://example.com/{number}", "description": name}),
            (
                f"{gateway}/version-sets",
                {"version_set_id": f"s{number}", "display_name": name, "versioning_scheme": "Segment"},
            ),
            (
                f"{gateway}/apis",
                {
                    "api_id": f"a{number}",
                    "path": f"p{number}",
                    "display_name": name,
                    "description": name,
                    "service_url": "https://example.com",
                },
            ),
            (
                f"{gateway}/products",
                {"product_id": f"p{number}", "display_name": name, "description": name, "api_ids": [f"a{number}"]},
            ),
            (f"{gateway}/subscriptions", {"display_name": name, "scope": {"kind": "all"}}),
        ):
            made = admin.post(path, json=body)
            assert made.status_code == 201, made.text
        pages += [f"apis/a{number}", f"apis/a{number}/delete", f"apis/a{number}/changes", f"gateway/products/p{number}"]
        pages += [f"gateway/version-sets/s{number}/delete"]
        pages += [f"gateway/subscriptions/{made.json()['subscription']['subscription_id']}/cancel"]
    return token, [f"/console/{page}" for page in pages]


@pytest.fixture(scope="module")
def models(installation: Installation) -> list[str]:
    """The pages of models whose names, descriptions and tags are what strangers chose."""
    pages = ["/console/models", "/console/settings/policies"]
    for text in HOSTILE:
        name = text.replace("/", "|")  # Which no model's name has.
        body = {"name": name, "artifact_id": installation.platform.log_model(), "description": text}
        made = installation.platform.operator.post(ROOT, json={**body, "tags": {"said": text}})
        assert made.status_code == 201, made.text
        page = f"/console/models/{quote(name, safe='')}"
        pages += [page, f"{page}/policy", f"{page}/versions/1", f"{page}/versions/1?tab=lineage"]
        pages += [f"/console/{one}/new?model={quote(name)}" for one in ("deployments", "schedules", "apis", "jobs")]
    return pages


class TestNames:
    def test_none_of_them_is_markup(
        self, installation: Installation, named: tuple[str, list[str]], models: list[str]
    ) -> None:
        token, pages = named
        reader, ours = installation.logged_in(token), installation.reader("admin")
        for path in [*pages, *models]:
            page = (ours if path in models else reader).get(path)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text, path
            assert "<img src=x" not in page.text, path
        shown = reader.get("/console/apis").text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown

    def test_none_makes_a_page_wider_than_a_phone(
        self, installation: Installation, browser: Browser, named: tuple[str, list[str]], models: list[str]
    ) -> None:
        token, pages = named
        installation.tokens["stranger"] = token
        for who, theirs in (("stranger", pages), ("admin", models)):
            window = logged_in(browser, installation, who, viewport={"width": 360, "height": 740})
            page = window.new_page()
            wide = [path for path in theirs if _is_wide(page, path)]
            window.close()
            assert wide == []


def _is_wide(page: Page, path: str) -> bool:
    page.goto(path)
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def _token_of(client: httpx.Client) -> str:
    return client.headers["Authorization"].split()[1]
