"""Envoy's admin interface on its unix socket."""

from pathlib import Path
from typing import Any

import httpx

from modelyard.errors import Unavailable

_ANSWER_SECONDS = 5.0


class EnvoyAdmin:
    """Asks one Envoy. Calls raise Unavailable, code `envoy_unavailable`, when it does not answer."""

    def __init__(self, socket: Path) -> None:
        transport = httpx.HTTPTransport(uds=str(socket), verify=False)  # No TLS on a unix socket.
        self._client = httpx.Client(transport=transport, base_url="http://envoy", timeout=_ANSWER_SECONDS)

    def clusters(self) -> list[dict[str, Any]]:
        """`host_statuses` of every cluster, by its `name`."""
        return list(self._request("GET", "/clusters?format=json").json().get("cluster_statuses", []))

    def listeners(self) -> frozenset[str]:
        """The names of those that listen."""
        listed = self._request("GET", "/listeners?format=json").json().get("listener_statuses", [])
        return frozenset(listener["name"] for listener in listed)

    def active_requests(self, prefix: str) -> int:
        """How many requests listeners with this `stat_prefix` have begun and not ended."""
        path = f"/stats?filter=^http\\.{prefix}\\.downstream_rq_active$&format=json"
        return sum(each.get("value", 0) for each in self._request("GET", path).json()["stats"])

    def stop_listening(self) -> None:
        """Take no new connection. Those that are open go on."""
        self._request("POST", "/drain_listeners")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _request(self, method: str, path: str) -> httpx.Response:
        try:
            return self._client.request(method, path).raise_for_status()
        except httpx.HTTPError as exc:
            raise Unavailable(f"Envoy does not answer: {exc}", code="envoy_unavailable") from exc
