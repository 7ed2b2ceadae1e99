"""Azure's resource manager: requests with a token, pages, operations that take long, and its errors as ours.

A token goes to the configured origin only, also where a response names the address of an operation or of a next page.
No body and no header of a request is logged or quoted in an error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
from azure.core.exceptions import AzureError

from modelyard.adapters.apim.refusals import error_of
from modelyard.adapters.azure import Credential, said_by
from modelyard.errors import Conflict, Unavailable
from modelyard.ports.clock import Clock

API_VERSION = "2024-05-01"
_SECONDS = httpx.Timeout(30, connect=5)
_AGAIN = frozenset({HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
"""Azure does something else with the resource now, or it is asked too often."""
_ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 30.0
_OPERATION_SECONDS = 900.0
_POLL_SECONDS = 2.0
_ENDS = frozenset({"succeeded", "failed", "canceled", "cancelled"})


@dataclass(frozen=True, slots=True)
class Entity:
    """A resource's body, and its ETag."""

    body: Mapping[str, Any]
    etag: str | None


class ResourceManager:
    """Args:
    origin: `https://management.azure.com`, or another cloud's.
    transport: in place of the network, for tests.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        origin: str,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._credential = credential
        self._origin = origin
        self._clock = clock
        self._http = httpx.Client(
            base_url=origin, timeout=_SECONDS, follow_redirects=False, trust_env=True, transport=transport
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def find(self, path: str) -> Entity | None:
        """A resource, if it is there."""
        response = self._sent("GET", path)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return Entity(_json_of(self._checked(response)), response.headers.get("ETag"))

    def pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Every item of a collection; none where what it belongs to is not there."""
        address: str | None = path
        while address:
            response = self._sent("GET", address)
            if response.status_code == HTTPStatus.NOT_FOUND and address == path:
                return
            page = _json_of(self._checked(response))
            yield from page.get("value", ())
            address = page.get("nextLink")

    def put(self, path: str, body: Mapping[str, Any], *, etag: str | None) -> None:
        """Make or replace a resource, and wait for the end of the operation.

        Raises:
            Precondition: its state is not the one that the ETag names.
        """
        headers = {} if etag is None else {"If-Match": etag}
        response = self._checked(self._sent("PUT", path, json=body, headers=headers))
        self._finish(response, path)

    def delete(self, path: str, *, etag: str | None, query: Mapping[str, str]) -> None:
        """Delete a resource, and wait for the end of the operation; nothing to do if it is not there.

        Raises:
            Precondition: its state is not the one that the ETag names.
        """
        response = self._sent("DELETE", path, headers={"If-Match": etag or "*"}, query=query)
        if response.status_code != HTTPStatus.NOT_FOUND:
            self._finish(self._checked(response), None)

    def _finish(self, response: httpx.Response, path: str | None) -> None:
        """Wait for what a response has only begun.

        Args:
            response: the first one.
            path: of the resource, which says itself how far it is where no address of an operation is given.
        """
        operation = response.headers.get("Azure-AsyncOperation")
        location = response.headers.get("Location") if response.status_code == HTTPStatus.ACCEPTED else None
        deadline = self._clock.now().timestamp() + _OPERATION_SECONDS
        while _is_under_way(response, is_operation=response.request.url == operation):
            if self._clock.now().timestamp() > deadline:
                raise Unavailable("Azure has not finished an operation in time", code="apim_unavailable")
            self._clock.sleep(_retry_after(response, _POLL_SECONDS))
            address = operation or location or path
            if address is None:
                return
            response = self._sent("GET", address)
            if response.status_code == HTTPStatus.NOT_FOUND and path is None:
                return  # What is being deleted is gone, or Azure has forgotten the operation.
            self._checked(response)
        _raise_failure(response)

    def _sent(
        self,
        method: str,
        address: str,
        *,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = {},
        query: Mapping[str, str] = {},
    ) -> httpx.Response:
        """The response; asked again for a while where Azure is busy with the resource, or asks for patience."""
        wait = _FIRST_WAIT_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            response = self._once(method, address, json=json, headers=headers, query=query)
            seconds = _retry_after(response, wait)
            if response.status_code not in _AGAIN or attempt == _ATTEMPTS or seconds > _LONGEST_WAIT_SECONDS:
                return response
            self._clock.sleep(seconds)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        raise AssertionError

    def _once(
        self,
        method: str,
        address: str,
        *,
        json: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        query: Mapping[str, str],
    ) -> httpx.Response:
        token = self._token()
        url = self._http.base_url.join(address)
        if f"{url.scheme}://{url.netloc.decode()}" != self._origin:
            raise Unavailable(f"Azure names an address of another host, {url.host}", code="apim_unavailable")
        if not urlsplit(address).scheme:
            url = url.copy_merge_params({"api-version": API_VERSION, **query})
        try:
            return self._http.request(method, url, json=json, headers={**headers, "Authorization": f"Bearer {token}"})
        except httpx.TransportError as exc:
            raise Unavailable(f"Azure does not answer: {said_by(exc)}", code="apim_unavailable") from exc

    def _token(self) -> str:
        try:
            return str(self._credential.get_token(f"{self._origin}/.default").token)
        except AzureError as exc:
            raise Conflict(
                f"Azure does not know who the control plane is: {said_by(exc)}", code="apim_forbidden"
            ) from exc

    @staticmethod
    def _checked(response: httpx.Response) -> httpx.Response:
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise error_of(response.status_code, _json_of(response))
        return response


def _is_under_way(response: httpx.Response, *, is_operation: bool) -> bool:
    """Whether a resource, or an operation, says that more is to come."""
    body = _json_of(response)
    state = body.get("status") if is_operation else body.get("properties", {}).get("provisioningState")
    if state is None:
        return "Azure-AsyncOperation" in response.headers or response.status_code == HTTPStatus.ACCEPTED
    return str(state).lower() not in _ENDS


def _raise_failure(response: httpx.Response) -> None:
    """An operation can fail with a response whose status is 200."""
    body = _json_of(response)
    state = str(body.get("status", body.get("properties", {}).get("provisioningState", ""))).lower()
    if state in _ENDS - {"succeeded"}:
        raise error_of(HTTPStatus.BAD_REQUEST, body)


def _retry_after(response: httpx.Response, default: float) -> float:
    header = response.headers.get("Retry-After", "")
    return float(header) if header.isdecimal() else default


def _json_of(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
