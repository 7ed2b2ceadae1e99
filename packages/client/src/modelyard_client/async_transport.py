"""HTTP to one model server from asyncio: the same repeats and the same errors as `transport`, for predictions only."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from modelyard_client.refusals import refusal
from modelyard_client.release import __version__
from modelyard_client.retry import Retry
from modelyard_client.settings import checked_url, is_loopback
from modelyard_client.transport import json_of, unreachable


class AsyncTransport:
    """A connection pool to one server. Each request may be repeated: it reads, or predicts."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        connections: int,
        retry: Retry | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = checked_url(url)
        self._retry = retry or Retry()
        own = {"User-Agent": f"modelyard-client/{__version__}", "Accept": "application/json"}
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers={**own, **(headers or {})},
            timeout=httpx.Timeout(timeout, connect=5.0),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=not is_loopback(self.url),  # A proxy cannot reach this machine's loopback.
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, where: str) -> Any:
        """The JSON of a read."""
        return json_of(await self.send("GET", where))

    async def send(
        self, method: str, where: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A successful answer.

        Raises:
            ModelyardError: the answer is an error, or there is none.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._http.request(method, where, content=body, headers=headers)
            except httpx.TransportError as error:
                pause = self._retry.after_error(error, attempt=attempt, is_repeatable=True)
                if pause is None:
                    raise unreachable(self.url, error) from error
            else:
                pause = self._retry.after_answer(response, attempt=attempt, is_repeatable=True)
                if pause is None and not response.is_success:
                    raise refusal(response)
                if pause is None:
                    return response
            await asyncio.sleep(pause)
