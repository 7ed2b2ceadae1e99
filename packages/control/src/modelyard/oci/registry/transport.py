"""Requests to one registry: with its authorization, bounded answers, checked redirects, and retries of what passes.

A registry is not trusted: what it answers is bounded, and credentials go to its own origin only.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.oci.registry.addresses import Addresses, origin
from modelyard.oci.registry.authorization import Authorization
from modelyard.oci.registry.credentials import Anonymous, Credentials
from modelyard.oci.strict_json import MAX_DOCUMENT

Content = Callable[[], Iterator[bytes]]
"""Makes the body anew for each try."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_MAX_REDIRECTS = 5
_MAX_ERROR = 64 * 1024
_MAX_TOKEN = 1024 * 1024
_MAX_WAIT = 60.0
_CODES = 300
_AGENT = {"User-Agent": "modelyard", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """How registries are reached: who we are, what may be plain, and how long we wait."""

    credentials: Credentials = field(default_factory=Anonymous)
    addresses: Addresses = field(default_factory=Addresses)
    attempts: int = 5
    sleep: Callable[[float], None] = time.sleep
    seconds: float = 60
    """Without a byte, until a request is given up."""
    chunk: int = 16 * 1024 * 1024
    """Bytes of one request of an upload."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, whole."""

    status: int
    headers: httpx.Headers
    body: bytes
    address: str


class Transport:
    """Sends requests to one registry. Safe from several threads."""

    def __init__(self, host: str, access: RegistryAccess) -> None:
        self.host = host
        self.access = access
        self._root = access.addresses.root(host)
        self._http = httpx.Client(
            headers=_AGENT, follow_redirects=False, timeout=httpx.Timeout(access.seconds, connect=10)
        )
        self._authorization = Authorization(
            host, credentials=access.credentials, addresses=access.addresses, exchange=self._exchange
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        expected: Collection[int],
        headers: Mapping[str, str] | None = None,
        content: Content | None = None,
        attempts: int | None = None,
    ) -> Answer:
        """Send a request and read its answer. What passes is tried again.

        Args:
            method: of HTTP.
            path: below the registry's address, or an address of its own origin.
            scope: what a token is asked for.
            expected: the statuses that are an answer; 404 is NotFound where it is not among them.
            headers: of the request.
            content: the body, whose length `headers` names.
            attempts: how often it is tried, if not as often as all.

        Raises:
            Unavailable: code `registry_unavailable`.
            NotFound: code `registry_not_found`.
            Invalid: code `registry_denied`, `_refused`, `_answer_invalid` or `_address_refused`.
        """
        with self.stream(
            method, path, scope=scope, expected=expected, headers=headers, content=content, attempts=attempts
        ) as response:
            body = _bounded(response, MAX_DOCUMENT, self.host)
            return Answer(response.status_code, response.headers, body, str(response.url))

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
        """As `ask`, with an answer that the caller reads."""
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
                response = self._authorized(method, address, scope, headers, content)
            except httpx.HTTPError as error:
                if is_last:
                    raise self._unavailable(error) from error
                self.access.sleep(_pause(attempt))
                continue
            if response.status_code not in _PASSING or is_last:
                return response
            response.close()
            self.access.sleep(_pause(attempt, response.headers.get("Retry-After")))
        raise AssertionError("the last attempt ends the loop")

    def _authorized(
        self, method: str, address: str, scope: str, headers: Mapping[str, str], content: Content | None
    ) -> httpx.Response:
        header = self._authorization.header(scope)
        response = self._followed(method, address, {**headers, **_authorized(header)}, content)
        if response.status_code != 401 or origin(str(response.url)) != origin(self._root):
            return response
        challenges = response.headers.get_list("WWW-Authenticate")
        response.close()
        answer = self._authorization.answer(challenges, scope, refused=header)
        return self._followed(method, address, {**headers, **_authorized(answer)}, content)

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
                raise self._refused("it names an address that is none") from error
            response = self._http.send(request, stream=True)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            if method not in {"GET", "HEAD"}:
                raise self._refused(f"it redirects a {method}, which is not followed")
            address = self.access.addresses.followed(address, response.headers.get("Location", ""), what="redirect")
        raise self._refused(f"it redirects more than {_MAX_REDIRECTS} times")

    def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        """Ask a token server."""
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
        said = _said(response)
        if status in {401, 403}:
            return Invalid(f"the registry {self.host} denies access ({status}{said})", code="registry_denied")
        if status == 404:
            return NotFound(f"the registry {self.host} has no such thing{said}", code="registry_not_found")
        if status in _PASSING:
            return Unavailable(f"the registry {self.host} answered {status}{said}", code="registry_unavailable")
        return self._refused(f"it answered {status} to a {method}{said}")

    def _refused(self, why: str) -> Invalid:
        return Invalid(f"the registry {self.host} refuses: {why}", code="registry_refused")

    def _unavailable(self, error: httpx.HTTPError) -> Unavailable:
        return Unavailable(
            f"the registry {self.host} does not answer: {str(error) or type(error).__name__}",
            code="registry_unavailable",
        )


def _authorized(header: str | None) -> dict[str, str]:
    return {} if header is None else {"Authorization": header}


def _bounded(response: httpx.Response, most: int, host: str) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            raise Invalid(
                f"the registry {host}: expected an answer of at most {most} bytes, got more",
                code="registry_answer_invalid",
            )
    return bytes(body)


def _said(response: httpx.Response) -> str:
    """The error codes that a registry gives, and nothing else of its words."""
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


def _pause(attempt: int, retry_after: str | None = None) -> float:
    """Half a second, doubled each time; or as long as the registry asks, up to a minute."""
    if retry_after is not None and retry_after.strip().isdecimal():
        return min(float(retry_after), _MAX_WAIT)
    return min(0.5 * float(2**attempt), _MAX_WAIT)
