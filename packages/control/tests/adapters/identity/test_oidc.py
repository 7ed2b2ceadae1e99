"""Tokens of a real issuer over HTTP, and of those who are not it."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from oidc_issuer import AUDIENCE, Issuer

from modelyard.adapters.identity.oidc import OidcProvider
from modelyard.errors import Unauthenticated, Unavailable


class Monotonic:
    """A clock that moves when it is reported to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        issuer.add_key("one")
        yield issuer


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def provider(issuer: Issuer, monotonic: Monotonic) -> OidcProvider:
    return OidcProvider(issuer=issuer.url, audience=AUDIENCE, leeway_seconds=5, monotonic=monotonic)


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(Unauthenticated) as caught:
        call()
    return caught.value.code


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


class TestRightTokens:
    @pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
    def test_one_of_each_algorithm_is_let_in(self, issuer: Issuer, provider: OidcProvider, algorithm: str) -> None:
        issuer.add_key("other", algorithm)
        assert provider.claims(issuer.token(key_id="other", sub="bert"))["sub"] == "bert"

    def test_one_that_has_expired_within_the_leeway_is_let_in(self, issuer: Issuer, provider: OidcProvider) -> None:
        assert provider.claims(issuer.token(exp=int(time.time()) - 2))["sub"] == "anna"


class TestWrongTokens:
    @pytest.mark.parametrize(
        ("claims", "expected"),
        [
            ({"exp": 1}, "token_expired"),
            ({"exp": None}, "token_invalid"),
            ({"nbf": 4_000_000_000}, "token_invalid"),
            ({"aud": "somebody-else"}, "token_audience_wrong"),
            ({"aud": None}, "token_invalid"),
            ({"iss": "https://evil.example"}, "token_issuer_wrong"),
            ({"iss": None}, "token_invalid"),
        ],
    )
    def test_a_wrong_claim_is_named(
        self, issuer: Issuer, provider: OidcProvider, claims: dict[str, Any], expected: str
    ) -> None:
        assert code(lambda: provider.claims(issuer.token(**claims))) == expected

    def test_another_issuers_key_under_the_same_id_does_not_sign(self, issuer: Issuer, provider: OidcProvider) -> None:
        with Issuer() as forger:
            forger.add_key("one")
            assert code(lambda: provider.claims(forger.token(iss=issuer.url))) == "token_invalid"

    def test_a_shared_secret_made_of_the_public_key_does_not_sign(self, issuer: Issuer, provider: OidcProvider) -> None:
        header = _part({"alg": "HS256", "kid": "one"})
        signed = f"{header}.{issuer.token().split('.')[1]}"
        signature = hmac.digest(issuer.public_key(), signed.encode(), "sha256")
        forged = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        assert code(lambda: provider.claims(forged)) == "token_invalid"

    def test_a_token_without_a_signature_is_refused(self, issuer: Issuer, provider: OidcProvider) -> None:
        claims = jwt.decode(issuer.token(), options={"verify_signature": False})
        bare = jwt.encode(claims, "", algorithm="none", headers={"kid": "one"})
        assert code(lambda: provider.claims(bare)) == "token_invalid"

    @pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "e30.e30.e30"])
    def test_what_is_no_token_is_refused(self, provider: OidcProvider, text: str) -> None:
        assert code(lambda: provider.claims(text)) == "token_invalid"

    def test_where_a_token_says_that_its_key_is_nobody_looks(self, issuer: Issuer, provider: OidcProvider) -> None:
        with Issuer() as forger:
            forger.add_key("theirs")
            headers = {"jku": f"{forger.url}/keys"}
            forged = forger.token(key_id="theirs", iss=issuer.url, headers=headers)
            assert code(lambda: provider.claims(forged)) == "token_key_unknown"
            assert forger.asked == []


class TestKeys:
    def test_they_are_fetched_once(self, issuer: Issuer, provider: OidcProvider) -> None:
        for _ in range(3):
            provider.claims(issuer.token())
        assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]

    def test_a_new_one_is_fetched_when_a_token_names_it(
        self, issuer: Issuer, provider: OidcProvider, monotonic: Monotonic
    ) -> None:
        provider.claims(issuer.token())
        issuer.add_key("two")
        monotonic.seconds = 60
        assert provider.claims(issuer.token(key_id="two"))["sub"] == "anna"

    def test_made_up_ones_do_not_make_us_ask_each_time(
        self, issuer: Issuer, provider: OidcProvider, monotonic: Monotonic
    ) -> None:
        provider.claims(issuer.token())
        for _ in range(5):
            monotonic.seconds += 10
            assert code(lambda: provider.claims(issuer.token(headers={"kid": "none"}))) == "token_key_unknown"
        assert issuer.asked.count("/keys") == 2

    def test_those_that_we_have_count_while_the_issuer_is_away(
        self, issuer: Issuer, provider: OidcProvider, monotonic: Monotonic
    ) -> None:
        provider.claims(issuer.token())
        issuer.answers["/keys"] = (500, b"broken")
        monotonic.seconds = 7200
        assert provider.claims(issuer.token())["sub"] == "anna"

    @pytest.mark.parametrize(
        "answer", [(500, b""), (200, b"<html>"), (200, b"[]"), (302, b""), (200, b" " * 2 * 1024 * 1024)]
    )
    def test_without_any_the_issuer_is_reported_to_be_away(
        self, issuer: Issuer, provider: OidcProvider, answer: tuple[int, bytes]
    ) -> None:
        issuer.answers["/.well-known/openid-configuration"] = answer
        with pytest.raises(Unavailable) as caught:
            provider.claims(issuer.token())
        assert caught.value.code == "issuer_unavailable"

    def test_a_document_that_names_keys_elsewhere_is_not_followed(self, issuer: Issuer, provider: OidcProvider) -> None:
        with Issuer() as elsewhere:
            document = {"issuer": issuer.url, "jwks_uri": f"{elsewhere.url}/keys"}
            issuer.answers["/.well-known/openid-configuration"] = (200, json.dumps(document).encode())
            with pytest.raises(Unavailable):
                provider.claims(issuer.token())
            assert elsewhere.asked == []

    def test_keys_at_a_configured_address_are_used(self, issuer: Issuer) -> None:
        with Issuer() as elsewhere:
            elsewhere.add_key("one")
            provider = OidcProvider(issuer=issuer.url, audience=AUDIENCE, keys_url=f"{elsewhere.url}/keys")
            assert provider.claims(elsewhere.token(iss=issuer.url))["sub"] == "anna"

    @pytest.mark.parametrize("address", ["http://issuer.example", "file:///etc/passwd", "https://", "issuer"])
    def test_an_address_that_is_not_safe_to_ask_is_refused(self, address: str) -> None:
        with pytest.raises(ValueError, match="expected an https address"):
            OidcProvider(issuer=address, audience=AUDIENCE)
