"""The conditions of a route, in Envoy's words."""

import re
from typing import Any

from modelyard.gateway.table import Match, MatchKind, ValueMatch

_IS_GRPC = {
    "name": "content-type",
    "string_match": {"safe_regex": {"regex": r"application/grpc(?:\+.*)?"}},
    "treat_missing_header_as_empty": True,
}
_END = r"(?:/.*)?"


def route_match(match: Match) -> dict[str, Any]:
    """`RouteMatch`, to which all conditions belong."""
    headers = [_header(condition) for condition in match.headers]
    if match.grpc is not None:
        headers.append(_IS_GRPC if match.grpc else {**_IS_GRPC, "invert_match": True})
    if match.methods:
        methods = "|".join(sorted(match.methods))
        headers.append({"name": ":method", "string_match": {"safe_regex": {"regex": methods}}})
    if match.plain_http is not None:
        # Envoy writes this header itself, from the connection or from a proxy that it trusts.
        exact = {"exact": "http" if match.plain_http else "https"}
        headers.append({"name": "x-forwarded-proto", "string_match": exact})
    query = [_query(condition) for condition in match.query if not _is_about_names(condition)]
    headers += [_query_names(condition) for condition in match.query if _is_about_names(condition)]
    found = _path(match)
    return found | ({"headers": headers} if headers else {}) | ({"query_parameters": query} if query else {})


def _path(match: Match) -> dict[str, Any]:
    if match.segments:
        path = re.escape(match.path.rstrip("/")) + "".join(f"/(?:{segment})" for segment in match.segments)
        return {"safe_regex": {"regex": path + _END}}
    return {"prefix": "/"} if match.path == "/" else {"path_separated_prefix": match.path}


def _header(condition: ValueMatch) -> dict[str, Any]:
    name = condition.name
    match condition.kind:
        case MatchKind.PRESENT | MatchKind.ABSENT:
            return {"name": name, "present_match": condition.kind is MatchKind.PRESENT}
        case MatchKind.REPEATED:
            return {"name": name, "string_match": {"safe_regex": {"regex": ".*,.*"}}}
        case MatchKind.PATTERN:
            regex = {"safe_regex": {"regex": condition.value}}
            return {"name": name, "string_match": regex, "treat_missing_header_as_empty": True}
        case _:
            return {"name": name, "string_match": _exact(condition)}


def _query(condition: ValueMatch) -> dict[str, Any]:
    if condition.kind in (MatchKind.PRESENT, MatchKind.ABSENT):
        return {"name": condition.name, "present_match": condition.kind is MatchKind.PRESENT}
    return {"name": condition.name, "string_match": _exact(condition)}


def _exact(condition: ValueMatch) -> dict[str, Any]:
    ignoring = {"ignore_case": True} if condition.kind is MatchKind.EXACT_IGNORING_CASE else {}
    return {"exact": condition.value, **ignoring}


def _is_about_names(condition: ValueMatch) -> bool:
    return condition.kind in (MatchKind.REPEATED, MatchKind.MISSPELLED)


def _query_names(condition: ValueMatch) -> dict[str, Any]:
    """Envoy's matcher of queries looks at the first of equal names only, so these look at the whole query."""
    name = re.escape(condition.name)
    if condition.kind is MatchKind.MISSPELLED:
        regex = rf"[^?]*\?(?:.*&)?(?:{_spelled_otherwise(condition.name)})(?:[=&].*)?"
    else:
        regex = rf"[^?]*\?(?:.*&)?{name}(?:=[^&]*)?&(?:.*&)?{name}(?:[=&].*)?"
    return {"name": ":path", "string_match": {"safe_regex": {"regex": regex}}}


def _spelled_otherwise(name: str) -> str:
    """A regular expression for every other spelling of a name: in another case, or with characters encoded."""
    found = ""  # Of the characters so far: what goes on as it likes, or is equal and ends with another spelling.
    for index, character in enumerate(name):
        first = f"{re.escape(name[:index])}{_other_spelling(character)}"
        found = f"(?:{found}{_any_spelling(character)}|{first})" if found else f"(?:{first})"
    return found


def _other_spelling(character: str) -> str:
    swapped = character.swapcase()
    return _encoded(character) if swapped == character else f"(?:{swapped}|{_encoded(character)})"


def _any_spelling(character: str) -> str:
    return f"(?:{re.escape(character)}|{_other_spelling(character)})"


def _encoded(character: str) -> str:
    octets = sorted({f"{ord(each):02x}" for each in (character, character.swapcase())})
    return f"%(?i:{'|'.join(octets)})"
