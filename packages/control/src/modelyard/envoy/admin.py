"""Envoy's admin interface on its unix socket."""

import json
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any

from modelyard.errors import Unavailable
from modelyard.supervision.unix_sockets import UnixConnection

_ANSWER_SECONDS = 5.0


class EnvoyAdmin:
    """Asks one Envoy. Calls raise Unavailable, code `envoy_unavailable`, when it does not answer."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def clusters(self) -> list[dict[str, Any]]:
        """`host_statuses` of every cluster, by its `name`."""
        return list(json.loads(self._request("GET", "/clusters?format=json")).get("cluster_statuses", []))

    def listeners(self) -> frozenset[str]:
        """The names of those that listen."""
        listed = json.loads(self._request("GET", "/listeners?format=json")).get("listener_statuses", [])
        return frozenset(listener["name"] for listener in listed)

    def active_requests(self, prefix: str) -> int:
        """How many requests listeners with this `stat_prefix` have begun and not ended."""
        path = f"/stats?filter=^http\\.{prefix}\\.downstream_rq_active$&format=json"
        return sum(each.get("value", 0) for each in json.loads(self._request("GET", path))["stats"])

    def stop_listening(self) -> None:
        """Take no new connection. Those that are open go on."""
        self._request("POST", "/drain_listeners")

    def _request(self, method: str, path: str) -> bytes:
        with closing(UnixConnection(self._socket, timeout=_ANSWER_SECONDS)) as connection:
            try:
                connection.request(method, path)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, HTTPException) as exc:
                raise Unavailable(f"Envoy does not answer: {exc}", code="envoy_unavailable") from exc
        if answer.status != HTTPStatus.OK:
            raise Unavailable(f"Envoy answers {answer.status} to {path}", code="envoy_unavailable")
        return content
