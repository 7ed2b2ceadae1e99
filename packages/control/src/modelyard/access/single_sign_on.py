"""People log in to the console at an identity provider; what it says of them opens a session, and is forgotten."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelyard.access.sessions import Sessions
from modelyard.errors import Unauthenticated
from modelyard.ports.identity import LoginFlow, PendingLogin

_ERROR = re.compile(r"[a-z_]{1,60}")
"""The codes of OAuth. A text of somebody's link is not shown as ours."""


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """Begins logins, and finishes those of the browser that began them."""

    flow: LoginFlow
    sessions: Sessions

    @property
    def title(self) -> str:
        """Where people log in, for people."""
        return urlsplit(self.flow.issuer).netloc

    def begin(self, *, return_to: str) -> tuple[str, PendingLogin]:
        """Where a browser logs in, and what it must keep until it comes back.

        Raises:
            Unavailable: code `issuer_unavailable`.
        """
        login = PendingLogin.new()
        return self.flow.login_url(login, return_to=return_to), login

    def finish(self, login: PendingLogin, answer: Mapping[str, str], *, return_to: str, address: str | None) -> str:
        """Open a session with what a browser brought back; gives the session's secret.

        Raises:
            Unauthenticated: code `login_state_wrong`, `login_issuer_wrong`, `login_refused`, or as the port `LoginFlow`
                and `AccessService.authenticate_claims` say.
            Busy: code `too_many_failed_logins`.
            Forbidden: code `tenant_suspended`.
            Unavailable: the identity provider or the database does not answer.
        """
        _check(login, answer, issuer=self.flow.issuer)
        return self.sessions.open_with_claims(
            lambda: self.flow.claims(login, code=answer["code"], return_to=return_to), address=address
        )

    def logout_url(self, *, return_to: str) -> str | None:
        """Where a browser ends the identity provider's own session, if there is such a place."""
        return self.flow.logout_url(return_to=return_to)


def _check(login: PendingLogin, answer: Mapping[str, str], *, issuer: str) -> None:
    """Refuse a way back that is not this login's, or that brings no code."""
    if not hmac.compare_digest(login.state.encode(), answer.get("state", "").encode()):
        raise Unauthenticated(
            "this login was begun in another browser or tab, or too long ago: log in again", code="login_state_wrong"
        )
    if answer.get("iss", issuer) != issuer:  # RFC 9207
        raise Unauthenticated("this login was answered by another identity provider", code="login_issuer_wrong")
    if not answer.get("code"):
        reason = answer.get("error", "")
        said = f" ({reason})" if _ERROR.fullmatch(reason) else ""
        raise Unauthenticated(f"the identity provider did not log you in{said}", code="login_refused")
