"""Where the control plane is and how to be let in. Reads the environment and the home folder; writes nothing."""

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from modelyard_client.errors import Invalid

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Settings:
    """The address of a control plane, and the token for it if one is known.

    `home` is the folder of the local stack. The token is left out of the representation.
    """

    url: str
    home: Path
    token: str | None = field(default=None, repr=False)

    @classmethod
    def discover(
        cls, *, url: str | None = None, home: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> "Settings":
        """What is given, else what the environment says, else what the local stack in the home folder says.

        - url: `MODELYARD_URL`, else `<home>/stack.json`, else http://127.0.0.1:8000
        - home: `MODELYARD_HOME`, else ~/.modelyard
        - token: `MODELYARD_TOKEN`, else `<home>/token`, which is only ever sent to the local stack itself: to the
          address in `stack.json` or to a loopback address, and not while that stack asks for none (`--no-auth`).

        Raises:
            Invalid: the address is not an http or https one, or a file in the home cannot be read.
        """
        variables = os.environ if environ is None else environ
        folder = (home or Path(variables.get("MODELYARD_HOME") or "~/.modelyard")).expanduser()
        stack_url, asks_for_token = _stack(folder)
        address = checked_url(url or variables.get("MODELYARD_URL") or stack_url or DEFAULT_URL)
        token = variables.get("MODELYARD_TOKEN")
        if not token and asks_for_token and (address == stack_url or is_loopback(address)):
            token = _read(folder / "token")
        return cls(url=address, home=folder, token=(token or "").strip() or None)


def checked_url(url: str) -> str:
    """The address without a slash at its end.

    Raises:
        Invalid: it is not an http or https address with a host.
    """
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        is_good = False
    if not is_good:
        raise Invalid(f"expected an address like {DEFAULT_URL}, got {url!r}", code="url_invalid", field="url")
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the address can only be this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _stack(home: Path) -> tuple[str | None, bool]:
    """The stack's address, if there is one, and whether it asks for a token."""
    path = home / "stack.json"
    text = _read(path)
    if text is None:
        return None, True
    try:
        content = json.loads(text)
        url, asks_for_token = content["url"], content.get("auth", True)
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid(f"{path} does not name the stack's url", code="stack_file_invalid") from error
    return checked_url(str(url)), asks_for_token is not False


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read {path}: {error}", code="home_unreadable") from error
