"""Nothing goes without a page that names it first; reading that page changes nothing."""

import re
from html import unescape

import pytest
from console_world import Installation

PAGES = {
    "/console/deployments/{deployment_id}/stop": (
        "deployments:write",
        "the deployment of churn",
        "Stop the deployment",
    ),
    "/console/jobs/{job_id}/cancel": ("jobs:write", "training of churn", "Cancel the job"),
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
