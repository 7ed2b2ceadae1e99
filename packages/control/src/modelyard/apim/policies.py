"""Policies of Azure API Management: timeouts, deprecation, retirement, limits. Pure; values are escaped as XML."""

from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from modelyard.gateway.domain import Api, Revision
from modelyard.gateway.states import ApiStatus


def api_policy(api: Api, revision: Revision, now: datetime) -> str | None:
    """What an API needs besides its properties: how long an answer may take, and headers that announce its end.

    None where it needs nothing.
    """
    inbound = _retired(api) if api.status_at(now) is ApiStatus.RETIRED else ""
    backend = ""
    if revision.timeout_seconds is not None:
        backend = f'<forward-request timeout="{int(revision.timeout_seconds)}" />'
    outbound = "".join(_set_header(name, value) for name, value in _deprecation(api, now))
    if not (inbound or backend or outbound):
        return None
    return (
        f"<policies><inbound><base />{inbound}</inbound><backend>{backend or '<base />'}</backend>"
        f"<outbound><base />{outbound}</outbound><on-error><base /></on-error></policies>"
    )


def product_policy(calls: int, seconds: int) -> str:
    """A limit of calls for each subscription of a product."""
    return (
        f'<policies><inbound><base /><rate-limit calls="{calls}" renewal-period="{seconds}" /></inbound>'
        "<backend><base /></backend><outbound><base /></outbound><on-error><base /></on-error></policies>"
    )


def _deprecation(api: Api, now: datetime) -> list[tuple[str, str]]:
    """RFC 9745 and RFC 8594, as our own gateway says it."""
    if api.status_at(now) is ApiStatus.ACTIVE:
        return []
    headers = []
    if api.deprecated_at is not None:
        headers.append(("Deprecation", f"@{int(api.deprecated_at.timestamp())}"))
    if api.sunset_at is not None:
        headers.append(("Sunset", format_datetime(api.sunset_at.astimezone(UTC), usegmt=True)))
    return headers


def _retired(api: Api) -> str:
    successor = "" if api.successor is None else f" Use the API '{api.successor}'."
    body = escape(f"The API '{api.api_id}' is retired.{successor}")
    return (
        '<return-response><set-status code="410" reason="Gone" />'
        f"{_set_header('Content-Type', 'text/plain')}<set-body>{body}</set-body></return-response>"
    )


def _set_header(name: str, value: str) -> str:
    return f'<set-header name={quoteattr(name)} exists-action="override"><value>{escape(value)}</value></set-header>'
