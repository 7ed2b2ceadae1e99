"""`modelyard tenants` and `modelyard tokens` against the real application over real HTTP."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from access_platform import Platform

from modelyard_client.cli import main

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "home") as platform:
        yield platform


@pytest.fixture
def run(platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command with a token; gives its exit code and what it wrote."""

    def run_command(*arguments: str, token: str | None = None) -> tuple[int, str]:
        monkeypatch.setenv("MODELYARD_URL", str(platform.at(None).base_url))
        monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("MODELYARD_TOKEN", token or platform.operator_token)
        monkeypatch.setattr(sys, "argv", ["modelyard", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run_command


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
