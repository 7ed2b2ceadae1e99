"""How paths and names are spelled in requests: percent-encoded, and with some characters in more than one way."""

import re
from urllib.parse import quote

from modelyard.principals import FIRST_TENANT

_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")
_ALSO_PLAIN = frozenset("!$&'()*+,;=@:")
"""Characters of a segment that callers send as they are, or encoded (RFC 3986, `pchar`)."""


def tenant_prefix(tenant_id: str) -> str:
    """What stands before every path of a tenant. No name of a model and no path of an API begins with `@`."""
    return "" if tenant_id == FIRST_TENANT else f"/@{tenant_id}"


def encoded(name: str) -> str:
    """A name as one segment of a path, in the spelling that we give out."""
    return quote(name, safe="")


def is_plain(name: str) -> bool:
    """Whether a name has one spelling only."""
    return _UNRESERVED.fullmatch(name) is not None


def spellings(name: str) -> str:
    """A regular expression (RE2) for all spellings of a name: encoded in capitals or not, or as it is where that is
    allowed. A name that begins with `@` does so encoded: `/@acme` is a tenant's."""
    return "".join(_spellings(character, is_first=index == 0) for index, character in enumerate(name))


def parent_and_name(path: str) -> tuple[str, str]:
    """`/a/b` → `/a` and `b`."""
    parent, _, name = path.rpartition("/")
    return parent or "/", name


def depth(path: str) -> int:
    """How many segments a path has."""
    return len([segment for segment in path.split("/") if segment])


def _spellings(character: str, *, is_first: bool) -> str:
    if _UNRESERVED.fullmatch(character):
        return re.escape(character)
    octets = f"(?i:{quote(character, safe='')})"
    is_also_plain = character in _ALSO_PLAIN and not (is_first and character == "@")
    return f"(?:{re.escape(character)}|{octets})" if is_also_plain else octets
