"""Whether the gateway leads requests to a deployment: its servers stay until no node does any more."""

import time
from collections.abc import Callable

from modelyard.gateway.publishing.domain import PublicationState
from modelyard.gateway.publishing.service import Publishing

_MOST_SECONDS = 15.0
"""How long servers are kept for a node that does not confirm."""


class Leaving:
    """Asked for deployments that shall stop, again and again until it says yes. Safe from several threads."""

    def __init__(self, publishing: Publishing, *, now: Callable[[], float] = time.monotonic) -> None:
        self._publishing = publishing
        self._now = now
        self._since: dict[str, float] = {}

    def has_left(self, deployment_id: str) -> bool:
        """Whether every live node runs a configuration without this deployment, or that took too long."""
        since = self._since.setdefault(deployment_id, self._now())
        has_left = self._now() - since > _MOST_SECONDS or self._is_out(deployment_id)
        if has_left:
            self._since.pop(deployment_id, None)
        return has_left

    def _is_out(self, deployment_id: str) -> bool:
        status = self._publishing.status()
        if not status.nodes:
            return True
        newest = self._publishing.newer(None) or ""
        return status.state is PublicationState.APPLIED and deployment_id not in newest
