"""Puts the publishing side of the gateway together: what compiles its configuration, and what its nodes ask."""

import threading
from collections.abc import Callable, Hashable, Sequence

from fastapi import APIRouter

from modelyard.gateway.publishing.counting import Counting
from modelyard.gateway.publishing.routes import node_routes, status_route
from modelyard.gateway.publishing.service import Publishing
from modelyard.gateway_node import Configuration
from modelyard.main.context import Context

PUBLISH_SECONDS = 0.25


class PublishingParts:
    """Publishing, and its surface `/api/v1/gateway/status` and `/api/v1/gateway/nodes`."""

    def __init__(
        self,
        context: Context,
        *,
        fingerprint: Callable[[], Hashable],
        compile_configuration: Callable[[], Configuration],
        stopping: threading.Event,
        counting: Counting,
    ) -> None:
        self._url = context.settings.gateway.url
        self._stopping = stopping
        self._counting = counting
        self.publishing = Publishing(
            database=context.database,
            clock=context.clock,
            fingerprint=fingerprint,
            compile_configuration=compile_configuration,
        )

    def routes(self) -> Sequence[APIRouter]:
        """The status, and the requests of nodes."""
        return [
            status_route(self.publishing, url=self._url),
            node_routes(self.publishing, self._counting, is_stopping=self._stopping.is_set),
        ]
