"""APIs, what they stand in, and who calls them, on pages without JavaScript."""

import re
from html import unescape

import httpx
import pytest
from console_world import Installation

from modelyard.console.gateway_forms import limits_as_filled, limits_of, moment_of, target_of
from modelyard.errors import Invalid

GATEWAY = "/api/v1/gateway"


@pytest.fixture(scope="module")
def developer(installation: Installation) -> httpx.Client:
    return installation.reader("developer")


@pytest.fixture(scope="module")
def admin(installation: Installation) -> httpx.Client:
    return installation.reader("admin")


class TestApis:
    def test_one_is_made_released_rolled_back_deprecated_and_deleted(
        self, developer: httpx.Client, installation: Installation
    ) -> None:
        form = {"api_id": "prices-v1", "display_name": "<b>Prices</b>", "path": "prices", "answers": "model"}
        form |= {"model_name": "prices of flats", "subscription_required": "on", "protocol-https": "on"}
        made = developer.post("/console/apis/new", data=form)
        assert made.headers["location"] == "/console/apis/prices-v1", made.text
        page = made.headers["location"]
        assert "Nothing answers here until a revision is released." in developer.get(page).text
        assert "<b>Prices" not in developer.get(page).text
        second = {"answers": "server", "service_url": "https://example.com", "model_name": "is left out"}
        for path, sent in (
            ("releases", {"revision": "1", "notes": "the first"}),
            ("revisions", second),
            ("releases", {"revision": "2", "notes": "elsewhere"}),
            ("rollback", {"notes": "not so good"}),
        ):
            answer = developer.post(f"{page}/{path}", data=sent)
            assert answer.is_redirect, answer.text
        api = installation.platform.operator.get(f"{GATEWAY}/apis/prices-v1").json()
        assert (api["current_revision"], api["protocols"]) == (1, ["https"])
        log = developer.get(f"{page}/changes").text
        assert log.index("not so good") < log.index("elsewhere") < log.index("the first")
        change = {"display_name": "Prices", "status": "deprecated", "sunset_at": "2099-01-01"}
        change |= {"revision": str(api["revision"])}
        assert developer.post(page, data=change).is_redirect
        assert "deprecated" in developer.get(page).text
        stale = developer.post(page, data={**change, "display_name": "Mine"})
        assert (stale.status_code, 'value="Mine"' in stale.text) == (412, True)
        assert developer.post(f"{page}/delete").headers["location"] == "/console/apis"
        assert developer.get(page).status_code == 404

    def test_a_revision_is_taken_offline(self, developer: httpx.Client, installation: Installation) -> None:
        assert developer.post("/console/apis/churn-v1/revisions/2", data={"is_online": "no"}).is_redirect
        listed = installation.platform.operator.get(f"{GATEWAY}/apis/churn-v1/revisions").json()["revisions"]
        assert {one["api_revision"]: one["is_online"] for one in listed}[2] is False

    def test_what_is_refused_is_said_in_the_form(self, developer: httpx.Client) -> None:
        form = {"api_id": "x", "display_name": "X", "path": "../x", "answers": "model", "model_name": "churn"}
        refused = developer.post("/console/apis/new", data=form)
        assert (refused.status_code, 'value="../x"' in refused.text) == (400, True)
        other = developer.post("/console/apis/new", data={**form, "answers": "moon"})
        assert (other.status_code, "answers: expected one of" in other.text) == (400, True)

    def test_a_url_is_explained_with_its_headers(self, developer: httpx.Client) -> None:
        asked = {"url": "/score/predict", "headers": "api-version: v1\r\n"}
        assert "churn-v1" in developer.get("/console/gateway/explain", params=asked).text
        broken = developer.get("/console/gateway/explain", params={**asked, "headers": "no colon"})
        assert (broken.status_code, "header_invalid" in broken.text) == (200, True)


class TestVersionSetsAndProducts:
    def test_a_version_set_is_made_changed_and_deleted(self, developer: httpx.Client) -> None:
        form = {"display_name": "Flats", "version_set_id": "flats", "versioning_scheme": "Query", "parameter": "v"}
        made = developer.post("/console/gateway/version-sets", data=form)
        assert made.is_redirect, made.text
        page = "/console/gateway/version-sets/flats"
        change = {"display_name": "All flats", "on_missing": "refuse", "revision": "1"}
        assert developer.post(page, data=change).is_redirect
        assert "All flats" in developer.get(page).text
        assert developer.post(f"{page}/delete").is_redirect

    def test_one_that_has_apis_is_not_deleted(self, developer: httpx.Client) -> None:
        refused = developer.post("/console/gateway/version-sets/score/delete")
        assert refused.status_code == 409
        assert refused.headers["content-type"].startswith("text/html")

    def test_a_product_is_made_with_limits_changed_and_deleted(self, admin: httpx.Client) -> None:
        form = {"product_id": "iron", "display_name": "Iron", "api_ids": "churn-v1", "rate_calls": "5"}
        half = admin.post("/console/gateway/products", data=form)
        assert (half.status_code, "rate_seconds" in half.text) == (400, True)
        form |= {"rate_seconds": "1", "is_counted_only": "on"}
        assert admin.post("/console/gateway/products", data=form).is_redirect
        page = "/console/gateway/products/iron"
        assert "5 in 1 s (counted only)" in admin.get(page).text
        assert admin.post(page, data={**form, "display_name": "Steel", "revision": "1"}).is_redirect
        assert admin.post(f"{page}/delete").is_redirect


class TestSubscriptions:
    def test_keys_are_shown_once_and_another_one_is_too(self, admin: httpx.Client) -> None:
        form = {"display_name": "An app", "scope_kind": "api", "scope_name": "churn-v1", "expires_at": "2099-01-01"}
        made = admin.post("/console/gateway/subscriptions", data=form)
        assert made.status_code == 200, made.text
        keys = _secrets(made.text)
        assert len(set(keys)) == 2
        (subscription_id,) = set(re.findall(r"sub-[0-9a-f]+", made.text))
        page = f"/console/gateway/subscriptions/{subscription_id}"
        assert not any(key in admin.get(page).text for key in keys)
        again = _secrets(admin.post(f"{page}/keys/secondary").text)
        assert len(again) == 1
        assert again[0] not in keys
        for command, status in (("suspend", "suspended"), ("activate", "active"), ("cancel", "cancelled")):
            assert admin.post(f"{page}/{command}").is_redirect
            assert f"</svg>{status}</span>" in admin.get(page).text.replace("\n", "")

    def test_a_change_keeps_what_is_not_said(self, admin: httpx.Client, installation: Installation) -> None:
        page = f"/console/gateway/subscriptions/{installation.ids['subscription_id']}"
        assert admin.post(page, data={"display_name": "The shop", "expires_at": "", "revision": "1"}).is_redirect
        assert "never" in admin.get(page).text

    def test_only_administrators_see_them(self, developer: httpx.Client) -> None:
        assert developer.get("/console/gateway/subscriptions").status_code == 403
        assert ">Subscriptions<" not in developer.get("/console/apis").text

    @pytest.mark.parametrize("path", ["keys/third", "burn"])
    def test_what_there_is_not_is_a_page(self, admin: httpx.Client, installation: Installation, path: str) -> None:
        page = f"/console/gateway/subscriptions/{installation.ids['subscription_id']}/{path}"
        assert admin.post(page).status_code == 404


class TestForms:
    def test_only_the_fields_of_the_chosen_target_are_sent(self) -> None:
        form = {"model_name": "churn", "version": "2", "service_url": "https://x", "deployment_id": "dep-1"}
        assert target_of({**form, "answers": "model"}) == {"model_name": "churn", "version": 2}
        assert target_of({**form, "answers": "server"}) == {"service_url": "https://x"}
        assert target_of({**form, "answers": "deployment", "timeout_seconds": "2"}) == {
            "deployment_id": "dep-1",
            "timeout_seconds": 2.0,
        }

    def test_limits_are_as_they_were_filled_in(self) -> None:
        form = {"rate_calls": "5", "rate_seconds": "1", "quota_calls": "10", "quota_period": "day"}
        limits = limits_of({**form, "is_counted_only": "on"})
        assert limits_as_filled(limits) == {**form, "is_counted_only": "on"}
        assert limits_of({}) == {"is_enforced": True}
        with pytest.raises(Invalid, match="quota_calls"):
            limits_of({"quota_calls": "many"})

    def test_a_day_is_its_beginning(self) -> None:
        assert (moment_of("2027-06-30"), moment_of(" "), moment_of("2027-06-30T12:00:00Z")) == (
            "2027-06-30T00:00:00Z",
            None,
            "2027-06-30T12:00:00Z",
        )


def _secrets(text: str) -> list[str]:
    return [unescape(one) for one in re.findall(r"shown once.*?<code>([^<]+)</code>", text, re.DOTALL)]
