"""What the fields of version sets and APIs may hold. Pure.

What is checked here ends up in paths, headers and patterns of a data plane, so nothing gets through that means more
than itself there.
"""

import re
from urllib.parse import urlsplit

from modelyard.errors import Invalid
from modelyard.gateway.domain import OnMissing, VersioningScheme

MOST_PATH = 400
MOST_URL = 1000
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9])?")
_NOT_ID = re.compile(r"[^a-z0-9]+")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,98}[A-Za-z0-9]")
_QUERY = re.compile(r"[A-Za-z][A-Za-z0-9._~-]{0,99}")
_URL = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)
_PAGE = re.compile(
    r"https?://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
)
_TAKEN_HEADERS = frozenset(
    {
        *("accept", "authorization", "connection", "content-encoding", "content-length", "content-type", "cookie"),
        *("expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "x-request-id"),
    }
)
_OWN_HEADERS = ("modelyard-", "x-envoy-", "x-forwarded-", "proxy-", "grpc-")
_PROTOCOLS = [("http", "https"), ("https",)]
_SHOWN = 80


def validate_id(text: str, *, field: str) -> None:
    """An id that its user chose.

    Raises:
        Invalid: code `id_invalid`.
    """
    if not _ID.fullmatch(text):
        expected = "1 to 80 letters, digits and . _ -, the first and the last a letter or digit"
        raise _invalid(field, expected, text, code="id_invalid")


def id_from(display_name: str) -> str:
    """An id for something that was given none: `ML Model Serving Versions` → `ml-model-serving-versions`."""
    return _NOT_ID.sub("-", display_name.lower()).strip("-")[:80].strip("-") or "versions"


def checked_path(path: str) -> str:
    """The path of an API, without slashes at its ends.

    Raises:
        Invalid: code `api_path_invalid`.
    """
    kept = path.strip("/")
    segments = kept.split("/")
    is_valid = len(kept) <= MOST_PATH and all(_SEGMENT.fullmatch(each) for each in segments)
    if not is_valid or segments[0] == "-" or any(each in {".", ".."} for each in segments):
        expected = (
            f"1 to {MOST_PATH} letters, digits and . _ ~ -, in segments between slashes, of which the first is not '-' "
            "and none is '.' or '..'"
        )
        raise _invalid("path", expected, path, code="api_path_invalid")
    return kept


def validate_api_version(version: str, *, field: str) -> None:
    """An API's version, as callers write it.

    Raises:
        Invalid: code `api_version_invalid`.
    """
    if not _VERSION.fullmatch(version):
        expected = "1 to 100 letters, digits and . _ ~ -, the first a letter or digit"
        raise _invalid(field, expected, version, code="api_version_invalid")


def validate_parameter(scheme: VersioningScheme, header: str | None, query: str | None) -> str | None:
    """The name of the header or the query parameter that a scheme needs; the other one is not given.

    Raises:
        Invalid: code `version_parameter_invalid`.
    """
    fields = {VersioningScheme.HEADER: "version_header_name", VersioningScheme.QUERY: "version_query_name"}
    given = {"version_header_name": header, "version_query_name": query}
    wanted = fields.get(scheme)
    for field, name in given.items():
        if (name is not None) != (field == wanted):
            expected = "a name" if field == wanted else f"none with versioning_scheme '{scheme}'"
            raise _invalid(field, expected, name, code="version_parameter_invalid")
    if header is not None:
        validate_header(header, field="version_header_name")
    if query is not None:
        validate_query(query, field="version_query_name")
    return header if query is None else query


def validate_header(name: str, *, field: str) -> None:
    """The name of a header that means something to the gateway.

    Raises:
        Invalid: code `header_name_invalid`.
    """
    if not _HEADER.fullmatch(name) or name.lower() in _TAKEN_HEADERS or name.lower().startswith(_OWN_HEADERS):
        expected = "2 to 100 letters, digits and hyphens, and no header that means something else already"
        raise _invalid(field, expected, name, code="header_name_invalid")


def validate_query(name: str, *, field: str) -> None:
    """The name of a query parameter.

    Raises:
        Invalid: code `query_name_invalid`.
    """
    if not _QUERY.fullmatch(name):
        expected = "1 to 100 letters, digits and . _ ~ -, the first a letter"
        raise _invalid(field, expected, name, code="query_name_invalid")


def validate_on_missing(on_missing: OnMissing, default_version: str | None) -> None:
    """A default is named where it is used, and nowhere else.

    Raises:
        Invalid: code `default_version_invalid`.
    """
    if (default_version is not None) != (on_missing is OnMissing.DEFAULT):
        expected = "a version" if on_missing is OnMissing.DEFAULT else f"none with on_missing '{on_missing}'"
        raise _invalid("default_version", expected, default_version, code="default_version_invalid")
    if default_version is not None:
        validate_api_version(default_version, field="default_version")


def checked_protocols(protocols: list[str]) -> tuple[str, ...]:
    """`https`, with or without `http`.

    Raises:
        Invalid: code `protocols_invalid`.
    """
    given = tuple(sorted(set(protocols)))
    if given not in _PROTOCOLS:
        raise _invalid("protocols", "['https'], or ['http', 'https']", str(protocols), code="protocols_invalid")
    return given


def checked_service_url(url: str) -> str:
    """The address of a server of somebody else's: a host, a port and a path. Where it leads is another question.

    Raises:
        Invalid: code `service_url_invalid`.
    """
    is_valid = len(url) <= MOST_URL and _URL.fullmatch(url) is not None and ".." not in url and "//" not in url[8:]
    if not is_valid or not _has_port(url):
        expected = "http:// or https:// with a host, and perhaps a port and a path, without a query"
        raise _invalid("service_url", expected, url, code="service_url_invalid")
    return url.rstrip("/")


def validate_notice_url(url: str) -> None:
    """The address of a page for people, which stands in a header between angle brackets.

    Raises:
        Invalid: code `notice_url_invalid`.
    """
    if len(url) > MOST_URL or not _PAGE.fullmatch(url):
        expected = f"http:// or https:// with a host, percent-encoded, of at most {MOST_URL} characters"
        raise _invalid("notice_url", expected, url, code="notice_url_invalid")


def _has_port(url: str) -> bool:
    """Whether the port, if there is one, is one."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _invalid(field: str, expected: str, got: str | None, *, code: str) -> Invalid:
    shown = "nothing" if got is None else repr(got[:_SHOWN])
    return Invalid(f"{field}: expected {expected}, got {shown}", code=code, field=field)
