"""Envoy's admin interface on its unix socket."""

import json
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

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
        return sum(int(value) for value in self.stats(rf"^http\.{prefix}\.downstream_rq_active$").values())

    def stats(self, pattern: str) -> dict[str, int | str]:
        """The values of the statistics whose names match: counters, gauges, and texts like a resource's version."""
        listed = json.loads(self._request("GET", f"/stats?filter={quote(pattern)}&format=json"))["stats"]
        return {each["name"]: each["value"] for each in listed if "value" in each}

    def stats_with_buckets(self, pattern: str) -> list[dict[str, Any]]:
        """The same as Envoy gives them, with the cumulative counts of histograms' buckets."""
        query = f"filter={quote(pattern)}&format=json&histogram_buckets=cumulative"
        return list(json.loads(self._request("GET", f"/stats?{query}"))["stats"])

    def is_live(self) -> bool:
        """Whether it has read its first resources and listens."""
        return bool(json.loads(self._request("GET", "/server_info"))["state"] == "LIVE")

    def version(self) -> str:
        """Of the program: `1.40.0`."""
        return str(json.loads(self._request("GET", "/server_info"))["version"].split("/")[1])

    def fail_health_check(self) -> None:
        """Say from now on that it is not ready, and ask callers to connect elsewhere."""
        self._request("POST", "/healthcheck/fail")

    def stop_listening(self) -> None:
        """Take no new connection. Those that are open go on."""
        self._request("POST", "/drain_listeners")

    def reopen_logs(self) -> None:
        """Open the files of access logs anew, after they were moved."""
        self._request("POST", "/reopen_logs")

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
