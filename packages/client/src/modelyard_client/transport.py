"""HTTP to one address: the token, repeating where it is safe, and errors as exceptions. It knows no noun.

Nothing follows a redirect, so the token goes to no other host than the one that it is for.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from modelyard_client.clock import Clock, SystemClock
from modelyard_client.errors import Invalid, Unavailable, UnexpectedAnswer
from modelyard_client.refusals import refusal
from modelyard_client.release import __version__
from modelyard_client.retry import Retry
from modelyard_client.settings import checked_url, is_loopback

_REPEATABLE_METHODS = frozenset({"GET", "PUT", "DELETE"})
_PAGE = 200
Query = Mapping[str, str | int | list[str] | None]


def path(*segments: str | int) -> str:
    """A path whose segments are quoted: what comes from a caller stays one segment.

    Raises:
        Invalid: a segment is empty or would climb (`.`, `..`).
    """
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise Invalid(f"expected a name or an id, got {segment!r}", code="name_invalid")
    return "/" + "/".join(quote(str(segment), safe="") for segment in segments)


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that is sent piece by piece, and from its beginning again when it is repeated."""

    content: Callable[[], Iterator[bytes]]
    size: int
    progress: Callable[[int, int], None]

    def pieces(self) -> Iterator[bytes]:
        """The pieces, with progress."""
        sent = 0
        for piece in self.content():
            yield piece
            sent += len(piece)
            self.progress(sent, self.size)


class Transport:
    """A connection pool to one server. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        retry: Retry | None = None,
        clock: Clock | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = checked_url(url)
        self.clock: Clock = clock or SystemClock()
        self._retry = retry or Retry()
        own = {"User-Agent": f"modelyard-client/{__version__}", "Accept": "application/json"}
        if token:
            own["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=self.url,
            headers={**own, **(headers or {})},
            timeout=httpx.Timeout(timeout, connect=5.0),
            trust_env=not is_loopback(self.url),  # A proxy cannot reach this machine's loopback.
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, where: str, *, query: Query | None = None) -> Any:
        """The JSON of a read."""
        return json_of(self.send("GET", where, query=query))

    def content(self, where: str, *, query: Query | None = None) -> bytes:
        """The bytes of a plain text."""
        return self.send("GET", where, query=query, headers={"Accept": "text/plain"}).content

    def post(
        self,
        where: str,
        body: object = None,
        *,
        idempotency_key: str | None = None,
        is_repeatable: bool = False,
        revision: int | None = None,
    ) -> Any:
        """The JSON that answers a POST. With an idempotency key it may be repeated."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        is_repeatable = is_repeatable or idempotency_key is not None
        return json_of(
            self.send("POST", where, body=body, headers=headers, is_repeatable=is_repeatable, revision=revision)
        )

    def put(self, where: str, body: object, *, revision: int | None = None) -> Any:
        """The JSON that answers a PUT."""
        return json_of(self.send("PUT", where, body=body, is_repeatable=revision is None, revision=revision))

    def patch(self, where: str, body: object, *, revision: int | None = None) -> Any:
        """The JSON that answers a PATCH to absolute values, which may be repeated unless it is bound to a revision."""
        return json_of(self.send("PATCH", where, body=body, is_repeatable=revision is None, revision=revision))

    def delete(self, where: str, *, query: Query | None = None, revision: int | None = None) -> Any:
        """The JSON that answers a DELETE."""
        return json_of(self.send("DELETE", where, query=query, revision=revision))

    def pages(self, where: str, *, plural: str, query: Query, limit: int | None) -> Iterator[Any]:
        """Items of a list, page after page, fetched as they are asked for; at most `limit` of them."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(left, _PAGE)
            page = self.get(where, query={**query, "limit": size, "cursor": cursor})
            if not isinstance(page, dict) or not isinstance(page.get(plural), list):
                raise UnexpectedAnswer(f"expected a list of {plural} from {self.url}{where}", code="answer_invalid")
            yield from page[plural][:size]
            left = None if left is None else left - size
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    @contextmanager
    def stream(
        self, where: str, *, query: Query | None = None, headers: Mapping[str, str]
    ) -> Iterator[Iterator[bytes]]:
        """The bytes of a long answer as they come. Not repeated: the reader knows where to go on.

        Raises:
            Unavailable: also in the middle, when the connection breaks.
        """
        request = self._request("GET", where, query=query, headers=headers, body=None)
        try:
            with closing(self._http.send(request, stream=True)) as response:
                if response.is_error:
                    response.read()
                    raise refusal(response)
                yield response.iter_bytes()
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error

    def send(
        self,
        method: str,
        where: str,
        *,
        query: Query | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool | None = None,
        revision: int | None = None,
    ) -> httpx.Response:
        """A successful answer to one request.

        Args:
            is_repeatable: whether it may be sent twice; by default as HTTP says of the method.
            revision: that which the caller saw of what is changed; when it is another one by now, it is refused.

        Raises:
            ModelyardError: the answer is an error, or there is none.
        """
        condition = {} if revision is None else {"If-Match": f'"{revision}"'}
        given = {**(headers or {}), **condition}

        def build() -> httpx.Request:
            return self._request(method, where, query=query, headers=given, body=body)

        if is_repeatable is None:
            is_repeatable = method in _REPEATABLE_METHODS
        response = self._attempts(build, is_repeatable=is_repeatable)
        if not response.is_success:
            raise refusal(response)
        return response

    def _request(
        self, method: str, where: str, *, query: Query | None, headers: Mapping[str, str], body: object
    ) -> httpx.Request:
        try:
            content, more = _content(body)
            return self._http.build_request(
                method, where, params=_present(query), headers={**headers, **more}, **content
            )
        except UnicodeError as error:
            raise Invalid(f"expected text that HTTP can carry: {error}", code="text_invalid") from error
        except httpx.InvalidURL as error:
            raise Invalid(f"expected text that fits into an address: {error}", code="text_invalid") from error
        except ValueError as error:  # JSON has no NaN and no infinity.
            raise Invalid(f"expected finite numbers: {error}", code="number_invalid") from error

    def _attempts(self, build: Callable[[], httpx.Request], *, is_repeatable: bool) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.send(build())
            except httpx.TransportError as error:
                pause = self._retry.after_error(error, attempt=attempt, is_repeatable=is_repeatable)
                if pause is None:
                    raise unreachable(self.url, error) from error
            else:
                pause = self._retry.after_answer(response, attempt=attempt, is_repeatable=is_repeatable)
                if pause is None:
                    return response
            self.clock.sleep(pause)


def unreachable(url: str, error: httpx.TransportError) -> Unavailable:
    """A failed exchange as this client's error."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Unavailable(f"nothing answers at {url}", code="unreachable")
    if isinstance(error, httpx.TimeoutException):
        return Unavailable(f"{url} did not answer in time", code="timeout")
    return Unavailable(f"the connection to {url} broke: {error}", code="connection_broken")


def json_of(response: httpx.Response) -> Any:
    """The JSON of an answer."""
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedAnswer(
            f"{response.url} did not answer with JSON; is it the address of Modelyard?", code="answer_invalid"
        ) from error


def _content(body: object) -> tuple[dict[str, Any], dict[str, str]]:
    """A body as httpx takes it, and the headers that it needs besides."""
    if body is None:
        return {}, {}
    if isinstance(body, Stream):
        return {"content": body.pieces()}, {"Content-Length": str(body.size)}
    return ({"content": body} if isinstance(body, bytes) else {"json": body}), {}


def _present(query: Query | None) -> dict[str, str | int | list[str]]:
    return {name: value for name, value in (query or {}).items() if value is not None}
