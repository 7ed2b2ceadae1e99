"""Makes routes: what all those of one tenant, or of one API, have alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelyard.gateway.compile.spelling import depth
from modelyard.gateway.compile.targets import Found
from modelyard.gateway.table import (
    OPEN,
    PREFIX_HEADER,
    VERSION_HEADER,
    Access,
    Action,
    Forward,
    Match,
    RedirectToHttps,
    Respond,
    Route,
)

API_HEADER = "modelyard-api"
REVISION_HEADER = "x-api-revision"
REASON_HEADER = "modelyard-route-reason"
_UNAVAILABLE = 503


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteMaker:
    """Makes the routes of one API, or of the stable address of one model."""

    tenant_id: str
    name: str
    """What the names of its routes begin with."""
    api_id: str | None = None
    model_name: str | None = None
    access: Access = OPEN
    response_headers: Mapping[str, str] = field(default_factory=dict)

    def at_revision(self, number: int | None) -> "RouteMaker":
        """One whose answers say which revision they are of."""
        if number is None:
            return self
        return replace(self, response_headers={**self.response_headers, REVISION_HEADER: str(number)})

    def to(
        self,
        name: str,
        match: Match,
        found: Found | Respond,
        *,
        prefix: str = "",
        sentence: str = "",
        timeout_seconds: float | None = None,
    ) -> Route:
        """A route to what was found for a target.

        Args:
            prefix: what is taken from the beginning of the path, as we give it out: `/churn/versions/3`. Of another
                spelling as many segments are taken.
        """
        if isinstance(found, Respond):
            return self.respond(name, match, found)
        action = Forward(
            destinations=found.destinations,
            strip=depth(prefix),
            version=found.version,
            request_headers=_request_headers(prefix, found.version),
            sticky=found.sticky,
            mirrors=found.mirrors,
            timeout_seconds=timeout_seconds,
        )
        headers = {REASON_HEADER: found.because}
        return self._route(name, match, action, self.access, headers, reason=sentence or found.sentence)

    def respond(self, name: str, match: Match, action: Respond) -> Route:
        """A route that the gateway answers itself: to everybody, unless it says what is missing behind the address."""
        access = self.access if action.status == _UNAVAILABLE else OPEN
        return self._route(name, match, action, access, {}, reason=action.message)

    def redirect(self, name: str, match: Match, *, sentence: str) -> Route:
        """A route to the same address with TLS. No key is asked for, as none shall be sent without TLS."""
        return self._route(name, match, RedirectToHttps(), OPEN, {}, reason=sentence)

    def _route(
        self, name: str, match: Match, action: Action, access: Access, headers: Mapping[str, str], *, reason: str
    ) -> Route:
        own = {} if self.api_id is None else {API_HEADER: self.api_id}
        return Route(
            name=f"{self.name}{name}",
            tenant_id=self.tenant_id,
            match=match,
            action=action,
            api_id=self.api_id,
            model_name=self.model_name,
            access=access,
            response_headers={**own, **self.response_headers, **headers},
            reason=reason,
        )


def _request_headers(prefix: str, version: int | None) -> Mapping[str, str]:
    headers = {PREFIX_HEADER: prefix} if prefix else {}
    return headers if version is None else {**headers, VERSION_HEADER: str(version)}
