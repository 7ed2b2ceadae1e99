"""Whether Envoy took what was written: its statistics name the version of every subscription, and count refusals; and
whether it holds servers to be healthy.

`/ready` says nothing of it: an Envoy that refused its newest routes serves with those of before, and is LIVE.
"""

import re
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from modelyard.envoy.admin import EnvoyAdmin
from modelyard.errors import Conflict
from modelyard.gateway_node.configuration import Place
from modelyard.gateway_node.resource_files import Versions
from modelyard.supervision.log_tail import last_lines

_SECONDS = 15.0
_PAUSE_SECONDS = 0.01
_HEALTH_SECONDS = 3.0
"""A server that is ready passes its health check sooner: the check is repeated every 0.5 s while it fails."""
_UNHEALTHY = ("failed_active_health_check", "pending_active_hc")
_REFUSALS = ("update_rejected", "update_failure")
_WARMING = "cluster_manager.warming_clusters"
_REFUSED_LINE = re.compile(r"config update (?:rejected|failed?)|update for .* (?:rejected|failed)|[Ee]rror adding")
_LINE_HEAD = re.compile(r"^(?:\[[^\]]*\]\s*)+(?:Filesystem config update rejected:\s*)?")


class RefusedError(Conflict):
    """Envoy does not take a configuration: code `configuration_refused`; the message is what Envoy says of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, code="configuration_refused")


class Confirmation:
    """Watches the subscriptions of one Envoy."""

    def __init__(self, admin: EnvoyAdmin, log: Path) -> None:
        self._admin = admin
        self._log = log

    def refusals(self) -> int:
        """How many updates were refused so far."""
        return sum(int(value) for value in self._admin.stats(rf"\.({'|'.join(_REFUSALS)})$").values())

    def wait(self, versions: Versions, *, refusals: int) -> None:
        """Return when every subscription is at its version, and no cluster waits for its first endpoints or health.

        Args:
            refusals: how many there were before the files were written.

        Raises:
            RefusedError: it refused one, with what it says of it; or it takes too long.
            Unavailable: code `envoy_unavailable`: it ended.
        """
        deadline = time.monotonic() + _SECONDS
        wanted = {f"{subscription}.version_text": version for subscription, version in versions.items()}
        while True:
            found = self._admin.stats(r"(\.version_text|\.update_rejected|\.update_failure|\.warming_clusters)$")
            missing = [name for name, version in wanted.items() if found.get(name) != version]
            if not missing and not found.get(_WARMING):
                return
            count = sum(int(value) for name, value in found.items() if name.endswith(_REFUSALS))
            if count > refusals:
                raise RefusedError(self._reason())
            if time.monotonic() > deadline:
                what = missing[0].removesuffix(".version_text") if missing else "a cluster"
                raise RefusedError(f"{what} is not ready after {_SECONDS:.0f} s")
            time.sleep(_PAUSE_SECONDS)

    def wait_for_health(self, endpoints: Mapping[str, Collection[Place]]) -> None:
        """Return when each cluster has a healthy server among those given for it, or after a few seconds.

        The control plane knows that a server is ready up to a health check's interval before Envoy does. One that does
        not get healthy holds the others up no longer.

        Raises:
            Unavailable: code `envoy_unavailable`: it ended.
        """
        deadline, waiting = time.monotonic() + _HEALTH_SECONDS, set(endpoints)
        while waiting:
            for cluster in self._admin.clusters():
                if cluster["name"] in waiting and _healthy(cluster) & set(endpoints[cluster["name"]]):
                    waiting.remove(cluster["name"])
            if time.monotonic() > deadline:
                return
            time.sleep(_PAUSE_SECONDS)

    def _reason(self) -> str:
        """What Envoy says of the update that it refused last."""
        lines = last_lines(self._log, 20)
        said = next((line for line in reversed(lines) if _REFUSED_LINE.search(line)), lines[-1] if lines else "refused")
        return _LINE_HEAD.sub("", said).replace(f"{self._log.parent}/", "")


def _healthy(cluster: Mapping[str, Any]) -> set[Place]:
    """The servers of a cluster that no health check keeps from requests."""
    return {
        (host["address"]["socket_address"]["address"], host["address"]["socket_address"]["port_value"])
        for host in cluster.get("host_statuses", [])
        if not any(host.get("health_status", {}).get(why) for why in _UNHEALTHY)
    }
