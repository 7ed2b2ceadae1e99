"""Where the console's pages are. Everything that leads to one asks here, so that it works below a proxy's path too."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

PREFIX = "/console"
LOGIN, LOGOUT, THEME = f"{PREFIX}/login", f"{PREFIX}/logout", f"{PREFIX}/theme"
IDENTITY, CALLBACK, LEAVE = f"{LOGIN}/identity", f"{LOGIN}/callback", f"{LOGIN}/leave"
"""Where a login at the identity provider begins and comes back, and where its own session is ended."""
API = f"{PREFIX}/api"
"""Below it, what the API sends piece by piece: logs, events, files."""
STATIC = f"{PREFIX}/static"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses as a browser has them.

    Args:
        base: the path at which a proxy shows the whole server, without a slash at its end; empty without one.
    """

    base: str = ""

    def to(self, path: str, /, **query: str | int | None) -> str:
        """A page's address, with what is not None of the query."""
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return f"{self.base}{quote(path)}" + (f"?{asked}" if asked else "")

    def back_to(self, wanted: str) -> str:
        """Where to go after a login: a page of the console, whatever was asked for."""
        begins = f"{self.base}{PREFIX}"
        is_ours = wanted == begins or wanted.startswith((f"{begins}/", f"{begins}?"))
        return wanted if is_ours and "\\" not in wanted and wanted.isprintable() else begins
