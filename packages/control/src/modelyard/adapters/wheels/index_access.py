"""Credentials for a package index: from the URLs of uv's settings, or from a netrc file."""

from collections.abc import Mapping
from contextlib import suppress
from netrc import NetrcParseError
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")


def index_auth(address: str, environment: Mapping[str, str]) -> httpx.Auth | None:
    """The credentials for a file of an index; None where there are none. They are for the index's own host only."""
    host = urlsplit(address).netloc.rpartition("@")[2]
    for setting in _INDEXES:
        for index in environment.get(setting, "").replace(",", " ").split():
            parts = urlsplit(index.rpartition("=")[2] if "://" not in index.partition("=")[0] else index)
            if parts.netloc.rpartition("@")[2] == host and parts.username is not None:
                return httpx.BasicAuth(unquote(parts.username), unquote(parts.password or ""))
    netrc = Path(environment.get("NETRC") or Path(environment.get("HOME", "/")) / ".netrc")
    with suppress(OSError, NetrcParseError):
        return httpx.NetRCAuth(str(netrc))
    return None
