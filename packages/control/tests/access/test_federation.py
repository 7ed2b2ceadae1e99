"""Who is let in with a token of an identity provider, through the whole application."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from access_platform import Platform
from oidc_issuer import AUDIENCE, Issuer

from modelyard.access.settings import AccessSettings, OidcSettings
from modelyard.principals import Role

WHOAMI = "/api/v1/access/whoami"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        issuer.add_key("one")
        yield issuer


@pytest.fixture(scope="module")
def by_claims(make_platform: Callable[..., Platform], issuer: Issuer) -> Platform:
    """Tenant and role are in the token."""
    platform = make_platform(
        oidc=OidcSettings(
            issuer=issuer.url,
            audience=AUDIENCE,
            tenant_claim="org",
            role_claim="realm.roles",
            roles={"ml-dev": Role.DEVELOPER, "ml-lead": Role.APPROVER},
        ),
        access=AccessSettings(failed_logins_per_minute=1000),
    )
    platform.tenant("acme")
    return platform


@pytest.fixture(scope="module")
def by_membership(make_platform: Callable[..., Platform], issuer: Issuer) -> Platform:
    """The token says who it is and nothing else."""
    return make_platform(oidc=OidcSettings(issuer=issuer.url, audience=AUDIENCE))


class TestClaims:
    def test_they_give_tenant_and_the_strongest_role(self, by_claims: Platform, issuer: Issuer) -> None:
        token = issuer.token(sub="lea", org="acme", realm={"roles": ["ml-dev", "ml-lead", "other"]})
        reported = by_claims.at(token).get(WHOAMI).json()
        assert (reported["tenant_id"], reported["subject"], reported["role"]) == ("acme", "lea", "approver")

    @pytest.mark.parametrize(
        ("claims", "code"),
        [
            ({"org": "nosuch", "realm": {"roles": ["ml-dev"]}}, "tenant_unknown"),
            ({"realm": {"roles": ["ml-dev"]}}, "claim_missing"),
            ({"org": "acme"}, "claim_missing"),
            ({"org": "acme", "realm": {"roles": ["admin"]}}, "claim_missing"),
            ({"org": "acme", "realm": {"roles": ["ml-dev"]}, "sub": "modelyard"}, "claim_missing"),
            ({"org": "acme", "realm": {"roles": ["ml-dev"]}, "sub": "a/b"}, "claim_missing"),
            ({"org": "acme", "realm": {"roles": ["ml-dev"]}, "aud": "other"}, "token_audience_wrong"),
        ],
    )
    def test_what_they_do_not_give_is_a_clear_401(
        self, by_claims: Platform, issuer: Issuer, claims: dict[str, Any], code: str
    ) -> None:
        refused = by_claims.at(issuer.token(**claims)).get(WHOAMI)
        assert (refused.status_code, refused.json()["code"]) == (401, code)

    def test_our_own_tokens_are_let_in_beside_them(self, by_claims: Platform) -> None:
        assert by_claims.operator.get(WHOAMI).json()["subject"] == "admin"


class TestMembership:
    def test_it_gives_the_role_until_it_ends(self, by_membership: Platform, issuer: Issuer) -> None:
        anna = by_membership.at(issuer.token(sub="anna"))
        assert anna.get(WHOAMI).json()["code"] == "member_unknown"
        by_membership.member(by_membership.operator, "anna", "developer")
        assert anna.get(WHOAMI).json()["role"] == "developer"
        assert by_membership.operator.delete("/api/v1/access/members/anna").status_code == 204
        assert anna.get(WHOAMI).json()["code"] == "member_unknown"


class TestSessions:
    """Of the console, opened with a token of an identity provider."""

    @staticmethod
    def opened(platform: Platform, token: str) -> Callable[[], int]:
        browser = platform.at(None)
        browser.headers["Accept"] = "text/html"
        assert browser.post("/console/login", data={"token": token}).headers["location"] == "/console"
        return lambda: browser.post("/console/settings/members", data={"subject": "x y"}).status_code

    def test_the_role_of_a_member_is_what_it_is_now(self, by_membership: Platform, issuer: Issuer) -> None:
        by_membership.operator.post("/api/v1/access/members", json={"subject": "mia", "role": "admin"})
        add_member = self.opened(by_membership, issuer.token(sub="mia"))
        assert add_member() == 400
        by_membership.operator.patch("/api/v1/access/members/mia", json={"role": "viewer"})
        assert add_member() == 403

    def test_it_ends_with_the_token(self, make_platform: Callable[..., Platform], issuer: Issuer) -> None:
        platform = make_platform(oidc=OidcSettings(issuer=issuer.url, audience=AUDIENCE))
        platform.clock.sleep((datetime.now(UTC) - platform.clock.now()).total_seconds())  # The issuer's clock is real.
        platform.operator.post("/api/v1/access/members", json={"subject": "noa", "role": "admin"})
        add_member = self.opened(platform, issuer.token(sub="noa", exp=int(time.time()) + 300))
        assert add_member() == 400
        platform.clock.sleep(301)
        assert add_member() == 303
