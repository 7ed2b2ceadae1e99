"""Promotion with tokens of real members: whoever asks does not approve, nor who made a token for one of the two."""

from collections.abc import Callable
from typing import Any

from access_platform import Platform
from httpx import Client, Response

from modelyard.access.settings import AccessSettings
from modelyard.principals import LOCAL_SUBJECT

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


def mint(client: Client, subject: str | None = None) -> str:
    """The secret of a new token, made by this client."""
    made = client.post("/api/v1/access/tokens", json={"name": "second", "subject": subject})
    assert made.status_code == 201, made.text
    secret: str = made.json()["secret"]
    return secret


def approve(client: Client, request: str) -> Response:
    return client.post(f"{request}/approve", json={"comment": "seen"})


def refused(answer: Response, maker: str, made: str) -> bool:
    """Whether an approval was refused since one made the other's token."""
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "approval_refused"
    return f"'{maker}' made the token of '{made}'" in answer.json()["error"]


class TestWhoMadeTheToken:
    def test_a_member_with_a_token_of_the_requesters_making_is_no_second_pair_of_eyes(self, platform: Platform) -> None:
        ada = platform.tenant("mints")
        bert = platform.member(ada, "bert", "approver")
        request = request_production(platform, ada)
        assert refused(approve(bert, request), "ada", "bert")
        assert ada.get(request).json()["status"] == "requested"

    def test_a_fresh_service_account_is_none_either(self, platform: Platform) -> None:
        ada = platform.tenant("serves")
        request = request_production(platform, ada)
        added = ada.post("/api/v1/access/members", json={"subject": "ci", "kind": "service", "role": "approver"})
        assert added.status_code == 201
        assert refused(approve(platform.at(mint(ada, "ci")), request), "ada", "ci")

    def test_a_chain_of_tokens_is_followed_to_its_beginning(self, platform: Platform) -> None:
        """Ada makes a token for bert, who makes another for himself, who makes one for carl."""
        ada = platform.tenant("chains")
        bert = platform.at(mint(platform.member(ada, "bert", "admin")))
        carl = platform.member(bert, "carl", "approver")
        request = request_production(platform, ada)
        assert refused(approve(bert, request), "ada", "bert")
        assert refused(approve(carl, request), "ada", "carl")

    def test_the_chain_holds_when_a_token_in_it_is_revoked_and_its_member_removed(self, platform: Platform) -> None:
        ada = platform.tenant("covers")
        bert = platform.member(ada, "bert", "admin")
        carl = platform.member(bert, "carl", "approver")
        assert ada.delete("/api/v1/access/members/bert").status_code == 204
        assert refused(approve(carl, request_production(platform, ada)), "ada", "carl")

    def test_it_holds_the_other_way_round(self, platform: Platform) -> None:
        """Who made anna's token may have asked in her name."""
        ada = platform.tenant("reverses")
        request = request_production(platform, platform.member(ada, "anna", "developer"))
        assert refused(approve(ada, request), "ada", "anna")

    def test_of_two_approvals_one_does_not_come_from_a_token_of_the_others_making(self, platform: Platform) -> None:
        ada = platform.tenant("pairs")
        anna, bert = platform.member(ada, "anna", "developer"), platform.member(ada, "bert", "admin")
        carl, dora = platform.member(bert, "carl", "approver"), platform.member(ada, "dora", "approver")
        request = request_production(platform, anna)
        policy = ada.put(f"{MODEL}/policy", json={"needed_approvals": 2})
        assert policy.status_code == 200, policy.text
        request = again(platform, anna, request)
        assert approve(bert, request).json()["status"] == "requested"
        assert refused(approve(carl, request), "bert", "carl")
        assert approve(dora, request).json()["status"] == "approved"

    def test_members_whose_tokens_a_third_person_made_are_two_people(self, platform: Platform) -> None:
        ada = platform.tenant("thirds")
        request = request_production(platform, platform.member(ada, "anna", "developer"))
        assert approve(platform.member(ada, "bert", "approver"), request).json()["status"] == "approved"

    def test_a_token_that_the_operator_reissued_carries_its_maker(self, platform: Platform) -> None:
        ada = platform.tenant("reissues")
        request = request_production(platform, ada)
        made = platform.operator.post("/api/v1/access/tenants/reissues/admin-token", json={"admin": "ada"})
        again = platform.at(made.json()["secret"])
        assert approve(again, request).status_code == 403

    def test_the_audit_log_says_who_made_the_credentials(self, platform: Platform) -> None:
        ada = platform.tenant("tells")
        request = request_production(platform, platform.member(ada, "anna", "developer"))
        approve(platform.member(ada, "bert", "approver"), request)
        entries = ada.get("/api/v1/audit", params={"limit": 50}).json()["entries"]
        reported = {entry["action"]: entry for entry in entries}
        for action, actor in (("request.requested", "anna"), ("request.approval_given", "bert")):
            assert reported[action]["actor"] == actor
            assert "ada" in reported[action]["after"]["credential_made_by"]
        made = [entry["after"]["made_by"] for entry in entries if entry["action"] == "token.created"]
        assert sum("ada" in makers for makers in made) == 2


def again(platform: Platform, anna: Client, request: str) -> str:
    """The same request under the policy of now: the former request has expired with the former policy."""
    version = anna.get(request).json()["version"]
    asked = anna.post(f"{MODEL}/versions/{version}/stage", json={"stage": "production", "comment": "again"})
    assert asked.status_code == 202, asked.text
    return f"{MODEL}/requests/{asked.json()['request']['request_id']}"


class TestWithoutAuthentication:
    def test_one_person_does_everything_and_the_log_says_so(self, make_platform: Callable[..., Platform]) -> None:
        platform = make_platform(access=AccessSettings(auth=False))
        local = platform.at(None)
        assert local.get("/api/v1/access/whoami").json()["subject"] == LOCAL_SUBJECT
        request = request_production(platform, local)
        assert local.put(f"{MODEL}/policy", json={"needed_approvals": 2, "approvers": ["a", "b"]}).status_code == 200
        answer = approve(local, again(platform, local, request))
        assert (answer.status_code, answer.json()["status"]) == (200, "approved"), answer.text
        entries: list[dict[str, Any]] = local.get("/api/v1/audit", params={"limit": 5}).json()["entries"]
        assert {entry["actor"] for entry in entries if entry["action"].startswith("request.")} == {LOCAL_SUBJECT}

    def test_a_token_is_honoured_and_what_it_may_not_do_is_refused(
        self, make_platform: Callable[..., Platform]
    ) -> None:
        platform = make_platform(access=AccessSettings(auth=False))
        admin = platform.operator
        assert admin.get("/api/v1/access/whoami").json()["subject"] == "admin"
        assert approve(admin, request_production(platform, admin)).status_code == 403
        assert platform.at("my_wrong").get("/mlops/jobs").status_code == 401

    def test_what_nobody_signed_is_not_approved_by_a_name(self, make_platform: Callable[..., Platform]) -> None:
        """Who asked without authentication, or made a token so, may be the one who approves."""
        platform = make_platform(access=AccessSettings(auth=False))
        local, admin = platform.at(None), platform.operator
        answer = approve(admin, request_production(platform, local))
        assert (answer.status_code, answer.json()["code"]) == (403, "approval_refused")
        assert "without authentication" in answer.json()["error"]
        bert = platform.member(local, "bert", "approver")
        answer = approve(bert, request_production(platform, admin))
        assert (answer.status_code, answer.json()["code"]) == (403, "approval_refused")
