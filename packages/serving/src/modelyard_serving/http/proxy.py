"""The address by which a caller came, where a proxy before the server says so."""

import re

from modelyard_serving.http.exchange import HeaderMap

PREFIX_HEADER = "x-forwarded-prefix"
_SCHEMES = frozenset({"http", "https"})
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]+)?|\[[0-9A-Fa-f:.]+\](?::[0-9]+)?")
_MOST = 2048


def address_of_proxy(headers: HeaderMap) -> str | None:
    """`https://models.example.com/churn`: the scheme, the host and the prefix that the proxy took from the path.

    None where there is no proxy, or what the headers say is no address: it is shown, so it is checked.
    """
    prefix, host = headers.get(PREFIX_HEADER, ""), headers.get("host", "")
    scheme = headers.get("x-forwarded-proto", "http")
    is_address = scheme in _SCHEMES and _HOST.fullmatch(host) and _PREFIX.fullmatch(prefix) and len(prefix) <= _MOST
    return f"{scheme}://{host}{prefix}" if is_address else None
