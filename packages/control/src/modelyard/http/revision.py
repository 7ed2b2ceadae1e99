"""Revisions in headers: an `ETag` holds the one in the response, `If-Match` the one that a change is based on."""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from modelyard.errors import Invalid

_QUOTED = re.compile(r'(?:W/)?"(?:[a-z]*-)?(\d{1,18})(?:\.[0-9a-f]+)?"|(\d{1,18})')


def set_etag(response: Response, revision: int) -> None:
    """Put the revision into the header."""
    response.headers["ETag"] = f'"{revision}"'


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether the caller has what this `ETag` names, by its `If-None-Match` (RFC 9110, section 13.1.2)."""
    if if_none_match is None:
        return False
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in known or etag.removeprefix("W/") in known


def _expected(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _QUOTED.fullmatch(if_match.strip())
    if found is None:
        raise Invalid(
            f'If-Match: expected the ETag of an earlier answer, like "3", got {if_match[:80]!r}',
            code="if_match_invalid",
            field="If-Match",
        )
    return int(found.group(1) or found.group(2))


ExpectedRevision = Annotated[int | None, Depends(_expected)]
"""The revision that the caller saw; None when it does not say."""
