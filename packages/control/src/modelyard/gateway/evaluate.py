"""Finds the route of a request in a table, as a data plane does: for `explain`, and for tests of the data planes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

from modelyard.gateway.table import Match, MatchKind, Route, RouteTable, ValueMatch

_REFUSED = re.compile(r"%(?:2f|5c|00)", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_GRPC = re.compile(r"application/grpc(?:\+.*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What routes are chosen by."""

    method: str = "GET"
    path: str
    """As it was sent, without the query."""
    query: str = ""
    """As it was sent, without the question mark."""
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By name in lower case."""
    authority: str = "localhost"
    is_tls: bool = False

    @property
    def is_grpc(self) -> bool:
        """Whether it says that its content is gRPC."""
        return any(_GRPC.fullmatch(value) for value in self.headers.get("content-type", ()))


def find_route(table: RouteTable, request: Request) -> Route | None:
    """The first route that matches; None of a path that no data plane lets in."""
    path = normal_path(request.path)
    if path is None:
        return None
    return next((route for route in table.routes if matches(route.match, request, path)), None)


def normal_path(path: str) -> str | None:
    """The path in normal form; None of one with an escaped slash or NUL."""
    if _REFUSED.search(path):
        return None
    plain = _ESCAPE.sub(_unescaped, path.replace("\\", "/"))
    given = plain.split("/")[1:]
    segments: list[str] = []
    for index, segment in enumerate(given):
        is_last = index == len(given) - 1
        if segment == "..":
            del segments[-1:]
        if segment not in (".", ".."):
            segments.append(segment)
        elif is_last:
            segments.append("")
    return "/" + "/".join(_without_empty(segments))


def _without_empty(segments: Sequence[str]) -> Sequence[str]:
    """One slash for several; the last segment stays empty where the path ends with a slash."""
    kept = [segment for segment in segments if segment]
    return [*kept, ""] if kept and segments[-1] == "" else kept


def path_left(path: str, strip: int) -> str:
    """What is left of a path in normal form when its first segments are taken."""
    return "/" + "/".join(path.split("/")[1 + strip :])


def matches(match: Match, request: Request, path: str) -> bool:
    """Whether all conditions hold; `path` is the request's in normal form."""
    return (
        _path_regex(match.path, match.segments).match(path) is not None
        and match.grpc in (None, request.is_grpc)
        and (not match.methods or request.method in match.methods)
        and match.plain_http in (None, not request.is_tls)
        and all(_header_holds(condition, request) for condition in match.headers)
        and all(_query_holds(condition, request.query) for condition in match.query)
    )


@lru_cache(maxsize=4096)
def _path_regex(path: str, segments: tuple[str, ...]) -> re.Pattern[str]:
    given = re.escape(path.rstrip("/")) + "".join(f"/(?:{segment})" for segment in segments)
    return re.compile(f"{given}(?:/|$)")


def _header_holds(condition: ValueMatch, request: Request) -> bool:
    values = [request.authority] if condition.name == ":authority" else request.headers.get(condition.name, ())
    value = ",".join(values) if values else None
    if condition.kind is MatchKind.REPEATED:
        return value is not None and "," in value
    return _value_holds(condition, value)


def _query_holds(condition: ValueMatch, query: str) -> bool:
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    values = [value for name, value in pairs if name == condition.name]
    if condition.kind is MatchKind.REPEATED:
        return len(values) > 1
    if condition.kind is MatchKind.MISSPELLED:
        wanted = condition.name.lower()
        return any(name != condition.name and unquote(name).lower() == wanted for name, _ in pairs)
    return _value_holds(condition, values[0] if values else None)


def _value_holds(condition: ValueMatch, value: str | None) -> bool:
    expected = condition.value or ""
    match condition.kind:
        case MatchKind.PRESENT:
            return value is not None
        case MatchKind.ABSENT:
            return value is None
        case MatchKind.EXACT:
            return value == expected
        case MatchKind.EXACT_IGNORING_CASE:
            return value is not None and value.lower() == expected.lower()
        case MatchKind.PATTERN:
            return re.fullmatch(expected, value or "") is not None
        case _:
            raise AssertionError(f"{condition.kind} is a question about the name, not about a value")


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found.group()[1:], 16))
    return character if character in _UNRESERVED else found.group()
