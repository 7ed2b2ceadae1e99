"""Makes pages of templates. What a template is given is escaped; what it names and is not given is an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from modelyard import __version__
from modelyard.console import words
from modelyard.console.addresses import PREFIX, Addresses
from modelyard.console.policy import new_nonce, page_headers
from modelyard.console.static_files import StaticFiles
from modelyard.http.middleware.authentication import principal_of
from modelyard.principals import FIRST_TENANT, Permission, Principal

THEME_COOKIE = "modelyard_theme"
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    title: str
    path: str
    icon: str
    key: str
    """With `g` before it, the keys that lead there."""
    needs: Permission
    also: str | None = None
    """Another path whose pages are below it."""

    def holds(self, path: str) -> bool:
        """Whether a page is below it."""
        below = [f"{begins}/" for begins in (self.path, self.also) if begins not in (None, PREFIX)]
        return path == self.path or path.startswith(tuple(below))


PLACES: Sequence[Place] = (
    Place("Now", PREFIX, "now", "n", Permission.IDENTITY_READ),
    Place("Models", f"{PREFIX}/models", "models", "m", Permission.MODELS_READ, f"{PREFIX}/uploads"),
    Place("Approvals", f"{PREFIX}/approvals", "approvals", "p", Permission.MODELS_READ),
    Place("Jobs", f"{PREFIX}/jobs", "jobs", "j", Permission.JOBS_READ),
    Place("Deployments", f"{PREFIX}/deployments", "deployments", "d", Permission.DEPLOYMENTS_READ),
    Place("APIs", f"{PREFIX}/apis", "apis", "a", Permission.GATEWAY_READ, f"{PREFIX}/gateway"),
    Place("Roll-outs", f"{PREFIX}/rollouts", "rollouts", "r", Permission.GATEWAY_READ),
    Place("Schedules", f"{PREFIX}/schedules", "schedules", "h", Permission.JOBS_READ),
    Place("Activity", f"{PREFIX}/activity", "activity", "t", Permission.AUDIT_READ),
    Place("Settings", f"{PREFIX}/settings", "settings", "s", Permission.MEMBERS_READ),
)


class Caller:
    """Who looks at a page, as templates ask: `me.may("models:write")`."""

    def __init__(self, principal: Principal) -> None:
        self.subject = principal.subject
        self.tenant_id = principal.tenant_id
        self.role = str(principal.role)
        self.is_local = principal.is_local
        self.gateway_base = "" if principal.tenant_id == FIRST_TENANT else f"/@{principal.tenant_id}"
        """With what the paths of this tenant begin at the gateway."""
        self._principal = principal

    def may(self, permission: str) -> bool:
        """Whether they have the permission."""
        return self._principal.may(Permission(permission))

    def why_not(self, permission: str) -> str | None:
        """Why a button is not theirs to press; None when it is."""
        if self.may(permission):
            return None
        return f"this needs the permission '{permission}', which {self._principal.title} does not have"


class Pages:
    """Renders pages for their callers."""

    def __init__(self, *, static: StaticFiles, addresses: Addresses) -> None:
        self.addresses = addresses
        self._static = static
        self._environment = Environment(
            loader=PackageLoader("modelyard.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            url=addresses.to,
            asset=lambda name: addresses.to(static.path(name)),
            modelyard_version=__version__,
            places=PLACES,
        )
        self._environment.filters.update(ago=words.ago, span=words.span, size=words.size, number=words.number)

    def render(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any],
        *,
        status: int = HTTPStatus.OK,
        is_open: bool = False,
        has_frame: bool = False,
    ) -> HTMLResponse:
        """A page.

        Args:
            is_open: whether the page is shown to people who have not logged in.
            has_frame: whether it frames a page of this server.
        """
        nonce = new_nonce()
        theme = request.cookies.get(THEME_COOKIE, "")
        text = self._environment.get_template(template).render(
            {
                **context,
                "me": None if is_open else Caller(principal_of(request.scope)),
                "nonce": nonce,
                "here": request.url.path,
                "address": self.addresses.to(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
                "theme": theme if theme in THEMES else "",
            }
        )
        return HTMLResponse(text, status, headers=page_headers(nonce, has_frame=has_frame))

    def go(self, path: str, /, **query: str | int | None) -> RedirectResponse:
        """After a form that was acted on, the page that shows it."""
        return RedirectResponse(self.addresses.to(path, **query), HTTPStatus.SEE_OTHER)
