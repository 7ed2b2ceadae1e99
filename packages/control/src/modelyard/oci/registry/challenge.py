"""What a registry demands in `WWW-Authenticate`. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_SCHEME = re.compile(r"\s*([A-Za-z]+)(?:\s+|$)")
_PARAMETER = re.compile(r'\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_MAX = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """A scheme in lower case (`bearer`, `basic`) and its parameters."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """The challenges of these headers, one in each; what cannot be read is left out."""
    return [found for header in headers if (found := _parse(header[:_MAX])) is not None]


def _parse(header: str) -> Challenge | None:
    scheme = _SCHEME.match(header)
    if scheme is None:
        return None
    parameters: dict[str, str] = {}
    position = scheme.end()
    while found := _PARAMETER.match(header, position):
        quoted, plain = found[2], found[3]
        parameters.setdefault(found[1].lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain)
        position = found.end()
    return Challenge(scheme[1].lower(), parameters)
