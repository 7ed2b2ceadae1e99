"""Publications of configurations, and the nodes that run them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LIVE_FOR = timedelta(seconds=20)
"""How long a node counts after its last word; it reports every five seconds."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One configuration, at the time when it became the newest."""

    number: int
    """Grows with each."""
    digest: str
    """Of its content; one that comes back has the same."""
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayNode:
    """What a node said of itself last."""

    name: str
    running: str | None
    """The digest of the configuration that its Envoy has confirmed."""
    refused: str | None
    reason: str | None
    is_serving: bool
    host: str
    port: int
    tls_port: int | None
    envoy_version: str | None
    problem: str | None
    seen_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Whether it takes requests, as far as one knows."""
        return self.is_serving and now - self.seen_at < LIVE_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What Envoy refuses of the newest configuration: what was there before goes on."""

    tenant_id: str
    kind: str
    """`routes`, or `tokens`: the keys of an issuer."""
    name: str
    """As nodes report it: with the tenant."""
    reason: str
    """In Envoy's words."""
    since: datetime

    @property
    def subject(self) -> str:
        """As the audit log names it: `paths/ml-model`, `models/churn`, `token-issuers/main`."""
        own = self.name.partition("/")[2]
        return f"token-issuers/{own}" if self.kind == "tokens" else own


class PublicationState(StrEnum):
    """How far the newest configuration has come."""

    WAITING = "waiting"
    """There is none, or no node that could run it."""
    APPLYING = "applying"
    APPLIED = "applied"
    """Every node runs it."""
    REFUSED = "refused"
    """A node refuses it, and runs the former one."""


def state_of(newest: Publication | None, nodes: Sequence[GatewayNode]) -> PublicationState:
    """Of the newest configuration on nodes that are live."""
    if newest is None or not nodes:
        return PublicationState.WAITING
    if any(node.refused == newest.digest for node in nodes):
        return PublicationState.REFUSED
    if all(node.running == newest.digest for node in nodes):
        return PublicationState.APPLIED
    return PublicationState.APPLYING
