"""The authorization code flow: which addresses of an issuer's discovery document are used."""

import pytest
from oidc_issuer import CLIENT_ID, Issuer

from modelyard.adapters.identity.code_flow import OidcCodeFlow
from modelyard.adapters.identity.oidc import OidcProvider
from modelyard.errors import Unavailable
from modelyard.ports.identity import PendingLogin

DISCOVERY = "/.well-known/openid-configuration"


def flow_of(issuer: Issuer) -> OidcCodeFlow:
    id_tokens = OidcProvider(issuer=issuer.url, audience=CLIENT_ID)
    return OidcCodeFlow(
        issuer=issuer.url, client_id=CLIENT_ID, client_secret=None, scopes="openid", id_tokens=id_tokens
    )


@pytest.mark.parametrize("place", ["http://elsewhere.example/login", "file:///etc/passwd", "javascript:alert(1)", ""])
def test_an_address_that_is_not_https_is_not_used(place: str) -> None:
    with Issuer() as issuer:
        document = f'{{"issuer": "{issuer.url}", "authorization_endpoint": "{place}"}}'
        issuer.answers[DISCOVERY] = (200, document.encode())
        with pytest.raises(Unavailable, match="names no usable authorization_endpoint"):
            flow_of(issuer).login_url(PendingLogin.new(), return_to="https://here.example/console/login/callback")


def test_a_document_of_another_issuer_is_not_used() -> None:
    with Issuer() as issuer:
        issuer.answers[DISCOVERY] = (200, b'{"issuer": "https://elsewhere.example"}')
        with pytest.raises(Unavailable, match="names another issuer"):
            flow_of(issuer).login_url(PendingLogin.new(), return_to="https://here.example/console/login/callback")


def test_an_issuer_without_a_place_to_log_out_names_none() -> None:
    with Issuer() as issuer:
        issuer.answers[DISCOVERY] = (200, f'{{"issuer": "{issuer.url}"}}'.encode())
        assert flow_of(issuer).logout_url(return_to="https://here.example/console/login") is None
