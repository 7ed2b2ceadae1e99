"""`modelyard products` and `subscriptions` against the real application over real HTTP."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from access_platform import Platform

from modelyard.subscriptions.keys import is_key

Run = Callable[..., tuple[int, str]]


def subscribed(run: Run, *options: str) -> dict[str, str]:
    code, out = run("subscriptions", "create", "Web shop", *options, "-o", "json")
    assert code == 0
    made = json.loads(out)
    return {"id": made["subscription"]["subscription_id"], **made}


class TestProducts:
    def test_one_is_made_changed_listed_and_deleted(self, run: Run) -> None:
        assert run("products", "create", "gold", "--rate", "100/60", "--quota", "10000/day")[0] == 0
        assert run("products", "create", "gold")[0] == 6
        assert run("products", "change", "gold", "--open", "--rate", "5/1", "--dry-run")[0] == 0
        (product,) = json.loads(run("products", "-o", "json")[1])["products"]
        assert (product["is_open"], product["limits"]) == (
            True,
            {"rate": [5, 1], "quota": None, "is_enforced": False},
        )
        made = subscribed(run, "--product", "gold")
        assert run("products", "delete", "gold")[0] == 6
        assert run("subscriptions", "cancel", made["id"])[0] == 0
        assert run("products", "delete", "gold")[0] == 0

    @pytest.mark.parametrize("option", [("--rate", "100"), ("--rate", "0x/1"), ("--quota", "5/year")])
    def test_limits_that_are_none_are_refused_unsent(self, run: Run, option: tuple[str, str]) -> None:
        assert run("products", "create", "gold", *option)[0] == 2


class TestSubscriptions:
    def test_keys_are_shown_once_and_replaced_one_at_a_time(self, run: Run) -> None:
        made = subscribed(run, "--rate", "10/1")
        code, out = run("subscriptions", "regenerate", made["id"], "primary", "-o", "json")
        keys = {made["primary_key"], made["secondary_key"], json.loads(out)["key"]}
        assert code == 0
        assert len(keys) == 3
        assert all(map(is_key, keys))
        shown = run("subscriptions", "show", made["id"])[1] + run("subscriptions", "-o", "json")[1]
        assert "mgk_" not in shown
        assert "10/1" in shown

    def test_one_is_suspended_activated_limited_and_cancelled(self, run: Run) -> None:
        made = subscribed(run, "--expires", "2999-01-01T00:00:00Z")

        def status() -> str:
            return str(json.loads(run("subscriptions", "show", made["id"], "-o", "json")[1])["status"])

        for verb, expected in (("suspend", "suspended"), ("activate", "active"), ("cancel", "cancelled")):
            assert run("subscriptions", verb, made["id"])[0] == 0
            assert status() == expected
        assert run("subscriptions", "activate", made["id"])[0] == 6
        assert run("subscriptions", "limit", made["id"], "--rate", "1/1")[0] == 6
        assert run("subscriptions", "usage")[0] == 0

    @pytest.mark.parametrize(
        "options",
        [
            ("--expires", "tomorrow"),
            ("--expires", "2999-01-01T00:00:00"),
            ("--issuer", "entra"),
            ("--api", "churn", "--model", "iris"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_unsent(self, run: Run, options: tuple[str, ...]) -> None:
        assert run("subscriptions", "create", "Shop", *options)[0] == 2

    def test_what_there_is_not_is_said(self, run: Run) -> None:
        for options in (("--product", "nosuch"), ("--api", "nosuch"), ("--model", "nosuch")):
            assert run("subscriptions", "create", "Shop", *options)[0] == 2
        assert run("subscriptions", "show", "sub-0")[0] == 3
        assert run("subscriptions", "limit-api", "nosuch", "--rate", "1/1")[0] == 3

    def test_an_issuer_is_trusted_with_public_keys_alone(self, run: Run, tmp_path: Path) -> None:
        trust = ("subscriptions", "trust", "entra", "--iss", "https://login.example.com/", "--audience", "modelyard")
        keys = tmp_path / "keys.json"
        keys.write_text("{")
        assert run(*trust, "--jwks", str(keys))[0] == 2
        keys.write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}')
        assert run(*trust, "--jwks", str(keys))[0] == 2
        point = {  # Of RFC 7517, appendix A.1.
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "kid": "one",
        }
        keys.write_text(json.dumps({"keys": [point]}))
        assert run(*trust, "--jwks", str(keys))[0] == 0
        made = subscribed(run, "--issuer", "entra", "--client", "shop")
        assert "shop" in run("subscriptions", "show", made["id"])[1]

    def test_a_developer_sees_who_called_what_and_no_subscription(self, run: Run, platform: Platform) -> None:
        caller = platform.member(platform.operator, "dev", "developer")
        token = caller.headers["Authorization"].removeprefix("Bearer ")
        assert run("subscriptions", token=token)[0] == 4
        assert run("products", token=token)[0] == 0
        assert run("subscriptions", "usage", token=token)[0] == 0
