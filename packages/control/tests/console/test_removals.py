"""Nothing goes without a page that names it first; reading that page changes nothing."""

import re
from html import unescape

import pytest
from console_world import ROOT, Installation, eventually

PAGES = {
    "/console/deployments/{deployment_id}/stop": (
        "deployments:write",
        "the deployment of churn",
        "Stop the deployment",
    ),
    "/console/jobs/{job_id}/cancel": ("jobs:write", " of churn", "Cancel the job"),
    "/console/apis/churn-v1/delete": ("gateway:write", "the API Churn scores", "Delete the API"),
    "/console/gateway/version-sets/score/delete": ("gateway:write", "version set Scores", "Delete the version set"),
    "/console/gateway/products/gold/delete": ("subscriptions:write", "the product Gold", "Delete the product"),
    "/console/schedules/{schedule_id}/delete": ("jobs:write", "the schedule of churn", "Delete the schedule"),
    "/console/settings/members/remove?subject=approver": ("members:write", "approver", "Remove the member"),
}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_what_goes_and_changes_nothing(installation: Installation, path: str) -> None:
    permission, named, button = PAGES[path]
    page = installation.reader("admin").get(path.format(**installation.ids))
    assert page.status_code == 200, page.text
    assert named in re.sub(r"<[^>]+>", "", page.text)
    assert re.search(rf'<button class="danger">{button}</button>', page.text)
    refused = installation.reader("viewer").get(path.format(**installation.ids)).text
    assert re.search(rf'<button class="danger" disabled title="[^"]*{permission}[^"]*"', unescape(refused))


def test_what_is_not_there_is_not_asked_about(installation: Installation) -> None:
    reader = installation.reader("admin")
    for path in ("settings/members/remove?subject=nobody", "settings/tokens/revoke?token_id=none", "jobs/none/cancel"):
        assert reader.get(f"/console/{path}").status_code == 404


def test_a_token_is_named_by_the_platform_and_not_by_the_link(installation: Installation) -> None:
    """A link that somebody was sent must not call one token by another's name."""
    (token,) = (
        one
        for one in installation.platform.operator.get("/api/v1/access/tokens").json()["tokens"]
        if one["subject"] == "viewer"
    )
    reader = installation.reader("admin")
    asked = reader.get(f"/console/settings/tokens/revoke?token_id={token['token_id']}")
    assert "Revoke the token console of viewer?" in asked.text
    assert reader.get(f"/console/settings/tokens/revoke?token_id={token['token_id']}&name=ci").status_code == 400


class TestVersions:
    def test_the_plan_is_shown_and_what_stops_it(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        page = reader.get("/console/models/churn/versions/1/delete").text
        assert "deletion_blocked" not in page
        assert re.search(r"<button[^>]*disabled[^>]*something stops it[^>]*>Delete the version", page)
        assert "in production" in page
        assert installation.reader("viewer").get("/console/models/churn/versions/1/delete").status_code == 403

    def test_one_is_deleted_as_it_was_seen_and_restored(self, installation: Installation) -> None:
        reader, platform = installation.reader("developer"), installation.platform
        made = platform.operator.post(ROOT, json={"name": "goes", "artifact_id": platform.log_model()})
        assert made.status_code == 201, made.text
        path = "/console/models/goes/versions/1"
        shown = reader.get(f"{path}/delete?mode=1").text
        revision = re.search(r'name="revision" value="(\d+)"', shown)
        assert revision is not None
        form = {"revision": revision[1], "mode": "1", "reason": "was a try"}
        stale = reader.post(f"{path}/delete", data={**form, "revision": str(int(revision[1]) + 1)})
        assert (stale.status_code, 'value="was a try"' in stale.text) == (412, True)
        begun = reader.post(f"{path}/delete", data=form)
        assert begun.status_code == 303, begun.text
        eventually(lambda: (platform.engine.run_next(), reader.get(path).status_code)[1] == 404)
        assert "No version was deleted" not in reader.get("/console/models/goes/deleted").text
        restored = reader.post(f"{path}/restore")
        assert restored.headers["location"] == path, restored.text
        assert reader.get(path).status_code == 200


def test_a_deployment_that_an_api_names_is_stopped_by_who_insists(installation: Installation) -> None:
    reader, platform = installation.reader("developer"), installation.platform
    form = {"model_name": "churn", "version": "2", "namespace": "bound"}
    job = reader.post("/console/deployments/new", data=form).headers["location"].rpartition("/")[2]
    eventually(
        lambda: (
            (platform.engine.run_next(), platform.operator.get(f"/mlops/jobs/{job}").json()["status"])[1] == "succeeded"
        )
    )
    deployment = platform.operator.get(f"/mlops/jobs/{job}").json()["deployment_id"]
    api = {"api_id": "bound", "display_name": "Bound", "path": "bound", "deployment_id": deployment}
    assert platform.operator.post("/api/v1/gateway/apis", json=api).status_code == 201
    assert platform.operator.post("/api/v1/gateway/apis/bound/releases", json={}).status_code == 201
    path = f"/console/deployments/{deployment}/stop"
    assert "Stop it all the same" not in reader.get(path).text
    refused = reader.post(path)
    assert (refused.status_code, "deployment_bound" in refused.text) == (409, True)
    assert "Stop it all the same" in refused.text
    assert reader.post(path, data={"force": "yes"}).headers["location"] == f"/console/deployments/{deployment}"
    assert reader.post("/console/apis/bound/delete").is_redirect


def test_a_schedule_is_deleted_by_the_form_of_its_page(installation: Installation) -> None:
    reader = installation.reader("developer")
    form = {"model_name": "churn", "trigger": "announced", "description": "goes again"}
    made = reader.post("/console/schedules/new", data=form)
    assert made.status_code == 200, made.text
    (schedule_id,) = set(re.findall(r"sch-[0-9a-f]+", made.text))
    page = reader.get(f"/console/schedules/{schedule_id}/delete").text
    action = re.search(r'<form class="card form confirm" method="post" action="([^"]+)"', page)
    assert action is not None
    assert reader.post(action[1]).headers["location"] == "/console/schedules"
    assert reader.get(f"/console/schedules/{schedule_id}").status_code == 404
