"""Promotion with tokens of real members: whoever asks does not approve."""

from access_platform import Platform
from httpx import Client

MODEL = "/api/v1/ml/registry/models/iris"


def request_production(platform: Platform, anna: Client) -> str:
    """Have anna register a version and ask for production; the request's path."""
    registered = anna.post("/mlops/registry", json={"name": "iris", "run_id": platform.log_model()})
    version = f"{MODEL}/versions/{registered.json()['version']}"
    assert anna.post(f"{version}/stage", json={"stage": "staging", "comment": "try"}).status_code == 200
    asked = anna.post(f"{version}/stage", json={"stage": "production", "comment": "ready"})
    assert asked.status_code == 202, asked.text
    return f"{MODEL}/requests/{asked.json()['request']['request_id']}"


class TestFourEyes:
    def test_anna_asks_and_bert_approves(self, platform: Platform) -> None:
        ada = platform.tenant("asks")
        anna, bert = platform.member(ada, "anna", "developer"), platform.member(ada, "bert", "approver")
        request = request_production(platform, anna)
        approved = bert.post(f"{request}/approve", json={"comment": "seen"})
        assert (approved.status_code, approved.json()["status"]) == (200, "approved")
        assert [approval["subject"] for approval in approved.json()["approvals"]] == ["bert"]
        assert anna.get("/mlops/models/iris").json()["production_version"] == 1

    def test_anna_cannot_approve_as_a_developer(self, platform: Platform) -> None:
        ada = platform.tenant("lacks")
        anna = platform.member(ada, "anna", "developer")
        refused = anna.post(f"{request_production(platform, anna)}/approve", json={"comment": "mine"})
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")

    def test_anna_cannot_approve_her_own_after_she_became_an_approver(self, platform: Platform) -> None:
        ada = platform.tenant("rises")
        anna = platform.member(ada, "anna", "developer")
        request = request_production(platform, anna)
        assert ada.patch("/api/v1/access/members/anna", json={"role": "approver"}).status_code == 200
        refused = anna.post(f"{request}/approve", json={"comment": "mine"})
        assert refused.status_code == 403
        assert refused.json()["code"] != "permission_missing"
        assert anna.get(request).json()["status"] == "requested"

    def test_another_token_of_anna_is_anna_too(self, platform: Platform) -> None:
        ada = platform.tenant("twice")
        anna = platform.member(ada, "anna", "approver")
        request = request_production(platform, anna)
        second = anna.post("/api/v1/access/tokens", json={"name": "second"}).json()["secret"]
        assert platform.at(second).post(f"{request}/approve", json={"comment": "mine"}).status_code == 403

    def test_an_approver_of_another_tenant_finds_no_request(self, platform: Platform) -> None:
        anna = platform.member(platform.tenant("here"), "anna", "developer")
        request = request_production(platform, anna)
        assert platform.tenant("there").post(f"{request}/approve", json={"comment": "hm"}).status_code == 404
