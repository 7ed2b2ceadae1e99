"""`modelyard tenants`, `members` and `tokens` against the real application over real HTTP."""

import json
from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str]]


class TestTenants:
    def test_an_operator_makes_limits_and_lists_them(self, run: Run) -> None:
        code, out = run("tenants", "create", "acme", "--admin", "ada", "--quota", "models=2", "-o", "json")
        assert code == 0
        secret = json.loads(out)["admin_token"]["secret"]
        assert run("tenants", "quotas", "acme", "--quota", "tokens=3")[0] == 0
        listed = json.loads(run("tenants", "--output", "json")[1])["tenants"]
        assert {each["tenant_id"]: each["quotas"] for each in listed} == {"acme": {"tokens": 3}, "default": {}}
        assert run("tenants", token=secret)[0] == 4

    @pytest.mark.parametrize("quota", ["models", "models=", "=3", "models=-1", "models=many"])
    def test_a_quota_that_is_none_is_refused_unsent(self, run: Run, quota: str) -> None:
        assert run("tenants", "quotas", "default", "--quota", quota)[0] == 2

    def test_one_is_suspended_resumed_and_deleted(self, run: Run) -> None:
        secret = json.loads(run("tenants", "create", "acme", "--admin", "ada", "-o", "json")[1])["admin_token"][
            "secret"
        ]
        assert run("tenants", "delete", "acme")[0] == 6
        assert run("tenants", "suspend", "acme", "--reason", "unpaid")[0] == 0
        assert run("members", token=secret)[0] == 4
        assert "suspended" in run("tenants")[1]
        assert run("tenants", "resume", "acme")[0] == 0
        assert run("members", token=secret)[0] == 0
        assert run("tenants", "suspend", "acme")[0] == 0
        assert run("tenants", "delete", "acme", "--reason", "they left")[0] == 0
        assert run("tenants", "quotas", "acme")[0] == 3

    def test_an_administrator_who_lost_the_token_gets_another(self, run: Run) -> None:
        lost = json.loads(run("tenants", "create", "acme", "--admin", "ada", "-o", "json")[1])["admin_token"]["secret"]
        code, out = run("tenants", "reissue", "acme", "--admin", "ada", "-o", "json")
        assert code == 0
        assert run("members", token=lost)[0] == 4
        assert run("members", token=json.loads(out)["secret"])[0] == 0


class TestMembers:
    def test_one_is_added_given_another_role_and_removed(self, run: Run) -> None:
        assert run("members", "add", "ci", "--role", "viewer", "--service")[0] == 0
        assert run("members", "role", "ci", "approver")[0] == 0
        listed = json.loads(run("members", "-o", "json")[1])["members"]
        assert [(each["subject"], each["kind"], each["role"]) for each in listed] == [
            ("admin", "person", "admin"),
            ("ci", "service", "approver"),
        ]
        assert run("members", "remove", "ci")[0] == 0
        assert run("members", "remove", "ci")[0] == 3
        assert run("members", "remove", "admin")[0] == 6


class TestTokens:
    def test_one_is_made_used_and_revoked(self, run: Run) -> None:
        code, out = run("tokens", "create", "ci", "--scope", "tokens:read", "--days", "90", "-o", "json")
        assert code == 0
        made = json.loads(out)
        assert (made["token"]["scopes"], made["token"]["name"]) == (["tokens:read"], "ci")
        assert run("tokens", token=made["secret"])[0] == 0
        assert run("models", token=made["secret"])[0] == 4
        assert run("tokens", "revoke", made["token"]["token_id"])[0] == 0
        assert run("tokens", token=made["secret"])[0] == 4
        assert run("tokens", "revoke", "token-0")[0] == 3
