"""Who is let in with a token of an identity provider, through the whole application."""

from collections.abc import Callable, Iterator
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
