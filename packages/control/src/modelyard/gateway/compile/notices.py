"""What answers of an API say of its end: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), `Link` (RFC 5829)."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from modelyard.gateway.domain import Api
from modelyard.gateway.states import ApiStatus


def notices(api: Api, now: datetime, link: Mapping[str, str]) -> Mapping[str, str]:
    """Headers of every answer of an API that is deprecated or retired; none of an active one."""
    if api.status_at(now) is ApiStatus.ACTIVE:
        return {}
    found = dict(link)
    if api.deprecated_at is not None:
        found["deprecation"] = f"@{int(api.deprecated_at.timestamp())}"
    if api.sunset_at is not None:
        found["sunset"] = format_datetime(api.sunset_at, usegmt=True)
    return found


def link_to(address: str) -> Mapping[str, str]:
    """To the address of a successor."""
    return {"link": f'<{address}>; rel="successor-version"'}
