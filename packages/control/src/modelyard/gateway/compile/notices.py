"""What answers of an API say of its end: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), `Link` (RFC 5829).

And which other versions there are, in the headers that ASP.NET's versioning gave their names.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime

from modelyard.gateway.domain import Api
from modelyard.gateway.states import ApiStatus

_MOST_LENGTH = 1000


def notices(api: Api, now: datetime, *, successor: str | None) -> Mapping[str, str]:
    """Headers of every answer of an API that is deprecated or retired; none of an active one.

    Args:
        successor: the address of the API that callers should go to.
    """
    if api.status_at(now) is ApiStatus.ACTIVE:
        return {}
    links = list(_links(api, successor))
    found = {"link": ", ".join(links)} if links else {}
    if api.deprecated_at is not None:
        found["deprecation"] = f"@{int(api.deprecated_at.timestamp())}"
    if api.sunset_at is not None:
        found["sunset"] = format_datetime(api.sunset_at, usegmt=True)
    return found


def versions(apis: Sequence[Api], now: datetime) -> Mapping[str, str]:
    """Headers that name the versions of one version set; those that are retired are in none.

    One that would be very long is left out: every answer carries it, and Envoy takes values of 16 KiB.
    """
    named = [each for each in apis if each.api_version is not None]
    listed = {
        "api-supported-versions": [each.api_version for each in named if each.status_at(now) is ApiStatus.ACTIVE],
        "api-deprecated-versions": [each.api_version for each in named if each.status_at(now) is ApiStatus.DEPRECATED],
    }
    joined = {header: ", ".join(map(str, found)) for header, found in listed.items()}
    return {header: text for header, text in joined.items() if 0 < len(text) <= _MOST_LENGTH}


def _links(api: Api, successor: str | None) -> Iterator[str]:
    if api.notice_url is not None:
        yield f'<{api.notice_url}>; rel="deprecation"; type="text/html"'
        if api.sunset_at is not None:
            yield f'<{api.notice_url}>; rel="sunset"; type="text/html"'
    if successor is not None:
        yield f'<{successor}>; rel="successor-version"'
