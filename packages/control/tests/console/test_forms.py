"""What is done on pages, without JavaScript: each form does what the API's call does, and says what it refused."""

import re
from typing import Any

import pytest
from console_world import Installation

from modelyard.console.policy_forms import policy_as_filled, policy_of
from modelyard.errors import Invalid


class TestMembers:
    def test_one_is_added_given_another_role_and_removed(self, installation: Installation) -> None:
        reader = installation.reader("admin")
        added = reader.post("/console/settings/members", data={"subject": "grace", "kind": "person", "role": "viewer"})
        assert (added.status_code, added.headers["location"]) == (303, "/console/settings/members")
        assert reader.post("/console/settings/members/role", data={"subject": "grace", "role": "approver"}).is_redirect
        members = installation.platform.operator.get("/api/v1/access/members").json()["members"]
        assert {one["subject"]: one["role"] for one in members}["grace"] == "approver"
        assert reader.post("/console/settings/members/remove", data={"subject": "grace"}).is_redirect
        assert "grace" not in reader.get("/console/settings/members").text

    def test_what_is_refused_is_said_and_stays_filled_in(self, installation: Installation) -> None:
        reader = installation.reader("admin")
        form = {"subject": "viewer", "kind": "person", "role": "developer"}
        refused = reader.post("/console/settings/members", data=form)
        assert refused.status_code == 409
        assert 'role="alert"' in refused.text
        assert 'name="subject" type="text" value="viewer"' in refused.text

    def test_who_may_not_change_them_has_no_form_and_is_refused(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        assert "Add member" not in reader.get("/console/settings/members").text
        form = {"subject": "grace", "kind": "person", "role": "admin"}
        assert reader.post("/console/settings/members", data=form).status_code == 403


class TestTokens:
    def test_its_secret_is_on_one_page_only_and_opens_a_session(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        made = reader.post("/console/settings/tokens", data={"name": "ci", "days": "30"})
        assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
        found = re.search(r"<pre tabindex=\"0\"><code>([^<]+)</code>", made.text)
        assert found is not None
        client = installation.platform.at(found[1])
        assert client.get("/api/v1/access/whoami").json()["subject"] == "developer"
        listed = reader.get("/console/settings/tokens").text
        assert found[1] not in listed
        ids = {one["name"]: one["token_id"] for one in client.get("/api/v1/access/tokens").json()["tokens"]}
        assert reader.post("/console/settings/tokens/revoke", data={"token_id": ids["ci"]}).is_redirect
        assert client.get("/api/v1/access/whoami").status_code == 401


class TestWebhooks:
    def test_one_is_made_changed_paused_and_deleted(self, installation: Installation) -> None:
        reader, form = installation.reader("admin"), {"url": "https://example.com/own", "event_types": "job.failed"}
        made = reader.post("/console/settings/webhooks", data=form)
        assert made.status_code == 200, made.text
        assert "shown once" in made.text
        webhook = _webhook(installation, form["url"])
        assert webhook["event_types"] == ["job.failed"]
        page = f"/console/settings/webhooks/{webhook['webhook_id']}"
        change = {**form, "event_types": "request.*, job.failed", "description": "ours", "revision": "1"}
        assert reader.post(page, data=change).is_redirect
        assert _webhook(installation, form["url"])["event_types"] == ["job.failed", "request.*"]
        stale = reader.post(page, data={**change, "description": "theirs"})
        assert (stale.status_code, 'name="description" type="text" value="theirs"' in stale.text) == (412, True)
        assert reader.post(f"{page}/active", data={"is_active": "no"}).is_redirect
        assert _webhook(installation, form["url"])["status"] == "paused"
        assert reader.post(f"{page}/delete").is_redirect
        assert "example.com/own" not in reader.get("/console/settings/webhooks").text

    def test_a_new_secret_is_shown_once(self, installation: Installation) -> None:
        reader, page = installation.reader("admin"), f"/console/settings/webhooks/{installation.ids['webhook_id']}"
        assert "For an hour deliveries are signed with both" in reader.get(f"{page}/rotate?overlap=3600").text
        made = reader.post(f"{page}/rotate", data={"overlap_seconds": "3600"})
        assert re.search(r"whsec_[^<]{16}", made.text)
        after = reader.get(page).text
        assert "whsec_" not in after
        assert "The one before signs too until" in after

    def test_a_delivery_is_read_and_sent_again(self, installation: Installation) -> None:
        reader, page = installation.reader("admin"), f"/console/settings/webhooks/{installation.ids['webhook_id']}"
        one = f"{page}/deliveries/{installation.ids['delivery_id']}"
        assert "io.modelyard.webhook.test" in reader.get(one).text
        again = reader.post(f"{one}/replay")
        assert again.status_code == 303, again.text
        assert again.headers["location"] != one
        assert reader.get(again.headers["location"]).status_code == 200
        dead = reader.get(f"{page}?status=dead").text
        assert "None is like that." in dead
        backwards = {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
        refused = reader.post(f"{page}/replay", data=backwards)
        assert (refused.status_code, "before &#39;to&#39;" in refused.text) == (400, True)

    def test_only_administrators_see_them(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        assert ">Webhooks<" not in reader.get("/console/settings/members").text
        assert reader.get("/console/settings/webhooks").status_code == 403


class TestPolicies:
    def test_one_is_read_and_changed_by_who_governs(self, installation: Installation) -> None:
        page, reader = "/console/models/fraud/policy", installation.reader("admin")
        before = installation.platform.operator.get("/api/v1/ml/registry/models/fraud/policy").json()
        form = {**policy_as_filled(before["policy"]), "revision": str(before["revision"])}
        wanted = {
            "metric-0": "auc",
            "baseline-0": "production",
            "threshold-0": "-0.01",
            "tags": "team=growth\nreviewed",
        }
        assert reader.post(page, data={**form, **wanted}).headers["location"] == page
        after = installation.platform.operator.get("/api/v1/ml/registry/models/fraud/policy").json()["policy"]
        assert after["tags"] == {"team": "growth", "reviewed": None}
        (metric,) = after["metrics"]
        assert (metric["metric"], metric["baseline"], metric["threshold"]) == ("auc", "production", -0.01)
        assert policy_of(policy_as_filled(after)) == after
        stale = reader.post(page, data={**form, "checks": "mine"})
        assert (stale.status_code, ">mine</textarea>" in stale.text) == (412, True)
        assert installation.reader("approver").post(page, data=form).status_code == 403
        assert "models:govern" in installation.reader("approver").get(page).text

    def test_a_rule_that_is_none_is_refused(self) -> None:
        form = {"needed_approvals": "1", "expires_after_hours": "24"}
        assert policy_of({**form, "metric_rules": "gain higher 0.01\nrmse lower"})["metric_rules"] == {
            "gain": {"direction": "higher", "tolerance": 0.01},
            "rmse": {"direction": "lower"},
        }
        with pytest.raises(Invalid, match="metric_rules"):
            policy_of({**form, "metric_rules": "gain up"})


class TestJobs:
    def test_a_script_is_begun_on_a_page_and_cancelled(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        form = {
            "model_name": "churn",
            "script_name": "again.py",
            "script_content": "print(1)\r\n",
            "requirements": "\n",
        }
        begun = reader.post("/console/jobs/new", data={**form, "what": "train"})
        assert begun.status_code == 303, begun.text
        page = reader.get(begun.headers["location"]).text
        assert "again.py" in page
        assert reader.post(f"{begun.headers['location']}/cancel").is_redirect
        assert reader.get("/console/jobs?status=cancelled").text.count("again.py") == 1

    def test_the_form_says_what_is_wrong_and_keeps_the_script(self, installation: Installation) -> None:
        form = {"model_name": "churn", "script_name": "../x.py", "script_content": "kept = '<b>'", "requirements": ""}
        refused = installation.reader("developer").post("/console/jobs/new", data={**form, "what": "train"})
        assert refused.status_code == 400
        assert "script_name" in refused.text
        assert "kept = &#39;&lt;b&gt;&#39;" in refused.text

    def test_who_may_not_begin_one_reads_why(self, installation: Installation) -> None:
        page = installation.reader("viewer").get("/console/jobs/new").text
        assert re.search(r"<button[^>]*disabled[^>]*>Train and register", page)
        assert "jobs:write" in page


class TestDeployments:
    def test_one_is_scaled_on_its_page(self, installation: Installation) -> None:
        reader, path = installation.reader("developer"), f"/console/deployments/{installation.ids['deployment_id']}"
        changed = reader.post(f"{path}/change", data={"replicas": "2"})
        assert changed.is_redirect, changed.text
        assert re.search(r"<dd>\d of 2</dd>", reader.get(path).text)

    @pytest.mark.parametrize("wanted", ["two", "-1", "1" * 20])
    def test_a_number_that_is_none_is_refused(self, installation: Installation, wanted: str) -> None:
        path = f"/console/deployments/{installation.ids['deployment_id']}/change"
        refused = installation.reader("developer").post(path, data={"replicas": wanted})
        assert (refused.status_code, "whole number" in refused.text) == (400, True)

    def test_a_body_that_is_no_json_is_refused_and_stays_written(self, installation: Installation) -> None:
        path = f"/console/deployments/{installation.ids['deployment_id']}/try"
        refused = installation.reader("developer").post(path, data={"body": '{"inputs": [[1.0]'})
        assert refused.status_code == 422
        assert "form_invalid" in refused.text
        assert "{&#34;inputs&#34;: [[1.0]</textarea>" in refused.text

    def test_the_request_console_has_an_address_and_is_filled(self, installation: Installation) -> None:
        path = f"/console/deployments/{installation.ids['deployment_id']}/try"
        shown = installation.reader("viewer").get(path)
        assert (shown.status_code, "&#34;inputs&#34;" in shown.text) == (200, True)
        assert re.search(r"<button[^>]*disabled[^>]*>Send", shown.text)
        tried = installation.reader("developer").post(path, data={"body": '{"inputs": [[1]]}', "headers": "x-a: b\r\n"})
        assert tried.status_code == 200
        assert "-H &#39;x-a: b&#39;" in tried.text
        assert ">x-a: b\n</textarea>" in tried.text
        refused = installation.reader("developer").post(path, data={"body": "{}", "headers": "none"})
        assert (refused.status_code, "header_invalid" in refused.text) == (422, True)

    def test_a_viewer_cannot_stop_one(self, installation: Installation) -> None:
        path = f"/console/deployments/{installation.ids['deployment_id']}"
        reader = installation.reader("viewer")
        assert re.search(r"<button[^>]*disabled[^>]*>Stop", reader.get(path).text)
        assert reader.post(f"{path}/stop").status_code == 403


@pytest.mark.parametrize(
    "path", ["rollouts/none/pause", "schedules/none/run", "rollouts/none/burn", "schedules/x/burn"]
)
def test_a_command_for_what_is_not_there_is_a_page_that_says_so(installation: Installation, path: str) -> None:
    answer = installation.reader("admin").post(f"/console/{path}", data={"reason": ""})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def _webhook(installation: Installation, url: str) -> dict[str, Any]:
    (found,) = (
        one for one in installation.platform.operator.get("/api/v1/webhooks").json()["webhooks"] if one["url"] == url
    )
    return dict(found)
