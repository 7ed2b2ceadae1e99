"""Whether the gateway leads requests to a deployment: its servers stay until no node does any more."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from modelyard.gateway.publishing.domain import PublicationState
from modelyard.gateway.publishing.service import Publishing

_MOST_SECONDS = 15.0
"""How long servers are kept for a node that does not confirm."""


@dataclass
class _Asked:
    """When somebody asked for a deployment first, and last."""

    since: float
    last: float


class Leaving:
    """Asked for deployments that shall stop, again and again until they are gone. Safe from several threads."""

    def __init__(self, publishing: Publishing, *, now: Callable[[], float] = time.monotonic) -> None:
        self._publishing = publishing
        self._now = now
        self._asked: dict[str, _Asked] = {}

    def has_left(self, deployment_id: str) -> bool:
        """Whether every live node runs a configuration without this deployment, or that took too long."""
        now = self._now()
        for other, asked in list(self._asked.items()):
            if now - asked.last > _MOST_SECONDS:  # It is gone, or shall run again.
                self._asked.pop(other, None)
        asked = self._asked.setdefault(deployment_id, _Asked(since=now, last=now))
        asked.last = now
        return now - asked.since > _MOST_SECONDS or self._is_out(deployment_id)

    def _is_out(self, deployment_id: str) -> bool:
        status = self._publishing.status()
        if not status.nodes:
            return True
        newest = self._publishing.newer(None) or ""
        return status.state is PublicationState.APPLIED and deployment_id not in newest
