"""Whether the gateway leads requests to a deployment already: its stable address is called as soon as it is known."""

import time
from collections.abc import Callable

from modelyard.gateway.publishing.domain import PublicationState
from modelyard.gateway.publishing.service import Publishing

_MOST_SECONDS = 10.0
"""How long a deployment waits for a node that does not confirm."""


class Arriving:
    """Asked for deployments that are ready, again and again until it says yes. Safe from several threads."""

    def __init__(self, publishing: Publishing, *, now: Callable[[], float] = time.monotonic) -> None:
        self._publishing = publishing
        self._now = now
        self._since: dict[str, float] = {}

    def has_arrived(self, deployment_id: str) -> bool:
        """Whether every live node runs a configuration with this deployment, or that took too long."""
        since = self._since.setdefault(deployment_id, self._now())
        has_arrived = self._now() - since > _MOST_SECONDS or self._is_in(deployment_id)
        if has_arrived:
            self._since.pop(deployment_id, None)
        return has_arrived

    def _is_in(self, deployment_id: str) -> bool:
        status = self._publishing.status()
        if not status.nodes:
            return True
        newest = self._publishing.newer(None) or ""
        return status.state is PublicationState.APPLIED and deployment_id in newest
