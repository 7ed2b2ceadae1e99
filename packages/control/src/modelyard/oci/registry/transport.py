"""Requests to one registry: authorization, bounded responses, checked redirects; transient errors are retried.

A registry is not trusted: its responses are bounded, and credentials go to its own origin only.
"""

import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import httpx

from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.oci.registry.addresses import Addresses, origin
from modelyard.oci.registry.authorization import Authorization
from modelyard.oci.registry.credentials import Anonymous, Credentials
from modelyard.oci.strict_json import MAX_DOCUMENT

Content = Callable[[], Iterator[bytes]]
"""Returns the body; called once per attempt."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_MAX_REDIRECTS = 5
_MAX_ERROR = 64 * 1024
_MAX_TOKEN = 1024 * 1024
_MAX_WAIT = 60.0
_CODES = 300
_AGENT = {"User-Agent": "modelyard", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """How registries are reached: credentials, which hosts may use HTTP, retries and timeouts."""

    credentials: Credentials = field(default_factory=Anonymous)
    addresses: Addresses = field(default_factory=Addresses)
    attempts: int = 5
    sleep: Callable[[float], None] = time.sleep
    timeout_seconds: float = 60
    """Timeout of each read and write; that of connecting is 10 seconds."""
    chunk_bytes: int = 256 * 1024 * 1024
    """Size of one request of an upload in chunks."""
    single_request_bytes: int = 16 * 1024 * 1024
    """Up to this size a blob is sent in one request, which is not resumed."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response with its whole body."""

    status: int
    headers: httpx.Headers
    body: bytes
    address: str


@cache
def _authorities() -> ssl.SSLContext:
    """Certificate authorities, read once: reading them takes longer than a push of a small model."""
    return httpx.create_ssl_context()


class Transport:
    """Sends requests to one registry. Safe from several threads."""

    def __init__(self, host: str, access: RegistryAccess) -> None:
        self.host = host
        self.access = access
        self._root = access.addresses.root(host)
        self._http = httpx.Client(
            headers=_AGENT,
            follow_redirects=False,
            timeout=httpx.Timeout(access.timeout_seconds, connect=10),
            verify=_authorities(),
        )
        self._authorization = Authorization(
            host, credentials=access.credentials, addresses=access.addresses, exchange=self._exchange
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        expected: Collection[int],
        headers: Mapping[str, str] | None = None,
        content: Content | None = None,
        attempts: int | None = None,
    ) -> Response:
        """Send a request and read its response. Transient errors are retried.

        Args:
            method: HTTP method.
            path: below the registry's address, or an address of its own origin.
            scope: the token scope.
            expected: statuses to return; any other raises, 404 as NotFound.
            headers: of the request.
            content: the body, whose length `headers` names.
            attempts: at most this many; default: the access's.

        Raises:
            Unavailable: code `registry_unavailable`.
            NotFound: code `registry_not_found`.
            Invalid: code `registry_denied`, `_refused`, `_answer_invalid` or `_address_refused`.
        """
        with self.stream(
            method, path, scope=scope, expected=expected, headers=headers, content=content, attempts=attempts
        ) as response:
            body = _bounded(response, MAX_DOCUMENT, self.host)
            return Response(response.status_code, response.headers, body, str(response.url))

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        expected: Collection[int],
        headers: Mapping[str, str] | None = None,
        content: Content | None = None,
        attempts: int | None = None,
    ) -> Iterator[httpx.Response]:
        """As `request`, with a body that the caller reads."""
        address = path if "://" in path else f"{self._root}{path}"
        response = self._retried(method, address, scope, headers or {}, content, attempts or self.access.attempts)
        try:
            if response.status_code not in expected:
                raise self._error(method, response)
            yield response
        except httpx.HTTPError as error:
            raise self._unavailable(error) from error
        finally:
            response.close()

    def same_origin(self, base: str, location: str, *, what: str) -> str:
        """The absolute address of a `Location` that must be the registry's own, since it gets our credentials.

        Raises:
            Invalid: code `registry_address_refused`.
        """
        address = self.access.addresses.followed(base, location, what=what)
        if origin(address) != origin(self._root):
            raise Invalid(
                f"the registry's {what}: expected an address of {self.host} itself, got one of "
                f"{'://'.join(map(str, origin(address)[:2]))}",
                code="registry_address_refused",
            )
        return address

    def _retried(
        self, method: str, address: str, scope: str, headers: Mapping[str, str], content: Content | None, attempts: int
    ) -> httpx.Response:
        for attempt in range(attempts):
            is_last = attempt == attempts - 1
            try:
                response = self._send_authorized(method, address, scope, headers, content)
            except httpx.HTTPError as error:
                if is_last:
                    raise self._unavailable(error) from error
                self.access.sleep(retry_delay(attempt))
                continue
            if response.status_code not in _RETRYABLE_STATUSES or is_last:
                return response
            response.close()
            self.access.sleep(retry_delay(attempt, response.headers.get("Retry-After")))
        raise AssertionError("the last attempt ends the loop")

    def _send_authorized(
        self, method: str, address: str, scope: str, headers: Mapping[str, str], content: Content | None
    ) -> httpx.Response:
        header = self._authorization.header(scope)
        response = self._followed(method, address, {**headers, **_authorization_header(header)}, content)
        if response.status_code != 401 or origin(str(response.url)) != origin(self._root):
            return response
        challenges = response.headers.get_list("WWW-Authenticate")
        response.close()
        renewed = self._authorization.answer(challenges, scope, refused=header)
        return self._followed(method, address, {**headers, **_authorization_header(renewed)}, content)

    def _followed(
        self, method: str, address: str, headers: Mapping[str, str], content: Content | None
    ) -> httpx.Response:
        """Send it, and follow redirects of reads. Another origin gets no credentials."""
        for _ in range(_MAX_REDIRECTS + 1):
            is_own = origin(address) == origin(self._root)
            sent = {name: text for name, text in headers.items() if is_own or name != "Authorization"}
            body = None if content is None else content()
            try:
                request = self._http.build_request(method, address, headers=sent, content=body)
            except httpx.InvalidURL as error:
                raise self._failed("invalid redirect URL") from error
            response = self._http.send(request, stream=True)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            if method not in {"GET", "HEAD"}:
                raise self._failed(f"a redirect of a {method} is not followed")
            address = self.access.addresses.followed(address, response.headers.get("Location", ""), what="redirect")
        raise self._failed(f"more than {_MAX_REDIRECTS} redirects")

    def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        """Send a request to a token server."""
        try:
            response = self._http.send(request, stream=True)
            try:
                return response.status_code, _bounded(response, _MAX_TOKEN, self.host)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._unavailable(error) from error

    def _error(self, method: str, response: httpx.Response) -> Exception:
        status = response.status_code
        codes = _error_codes(response)
        if status in {401, 403}:
            return Invalid(f"the registry {self.host} denies access ({status}{codes})", code="registry_denied")
        if status == 404:
            return NotFound(
                f"the registry {self.host} has no such blob, manifest or upload{codes}", code="registry_not_found"
            )
        if status in _RETRYABLE_STATUSES:
            return Unavailable(f"the registry {self.host} responded with {status}{codes}", code="registry_unavailable")
        return Invalid(f"the registry {self.host} refused a {method} with {status}{codes}", code="registry_refused")

    def _failed(self, why: str) -> Invalid:
        return Invalid(f"request to registry {self.host} failed: {why}", code="registry_refused")

    def _unavailable(self, error: httpx.HTTPError) -> Unavailable:
        return Unavailable(
            f"the registry {self.host} does not answer: {str(error) or type(error).__name__}",
            code="registry_unavailable",
        )


def _authorization_header(header: str | None) -> dict[str, str]:
    return {} if header is None else {"Authorization": header}


def _bounded(response: httpx.Response, most: int, host: str) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            raise Invalid(
                f"the registry {host}: expected a response of at most {most} bytes, got more",
                code="registry_answer_invalid",
            )
    return bytes(body)


def _error_codes(response: httpx.Response) -> str:
    """The error codes of a response as the end of a sentence; its other text is not repeated."""
    try:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > _MAX_ERROR:
                return ""
        errors = httpx.Response(200, content=bytes(body)).json()["errors"]
        codes = sorted({str(error["code"]) for error in errors})
    except (httpx.HTTPError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    text = ", ".join(code for code in codes if code.replace("_", "").isalnum())[:_CODES]
    return f": {text}" if text else ""


def retry_delay(attempt: int, retry_after: str | None = None) -> float:
    """Seconds before the next attempt: 0.5, doubled each time, or `Retry-After`; at most a minute."""
    if retry_after is not None and retry_after.strip().isdecimal():
        return min(float(retry_after), _MAX_WAIT)
    return min(0.5 * float(2**attempt), _MAX_WAIT)
