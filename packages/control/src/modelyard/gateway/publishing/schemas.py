"""The status of the gateway, and what its nodes say, on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from modelyard.gateway.publishing.domain import GatewayNode, PublicationState, Refusal
from modelyard.gateway.publishing.service import GatewayStatus
from modelyard.gateway_node.comparer import ComparisonCounters, Example
from modelyard.gateway_node.control_plane import MOST_REASON, MOST_REPORTED, NodeReport, RefusedPart
from modelyard.gateway_node.counters import BackendCounters
from modelyard.http.bodies import RequestBody

_MOST_REASON = 8_000

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Slower = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)]
"""Milliseconds, and how many answers took longer."""
_Backend = Annotated[str, Field(max_length=100)]
_Port = Annotated[int, Field(ge=1, le=65535)]


class RefusedPartRequest(RequestBody):
    """A part that a node does not run."""

    kind: Literal["routes", "tokens"]
    name: Annotated[str, Field(max_length=500, pattern=r"^[^/]{1,40}/")]
    reason: Annotated[str, Field(max_length=MOST_REASON)]


class NodeReportRequest(RequestBody):
    """What a node says of itself."""

    running: _Digest | None
    refused_parts: Annotated[list[RefusedPartRequest], Field(max_length=MOST_REPORTED)]
    refused: _Digest | None
    reason: str | None
    is_serving: bool
    host: Annotated[str, Field(max_length=255)]
    port: _Port
    tls_port: _Port | None
    envoy_version: Annotated[str, Field(max_length=40)] | None
    problem: str | None

    def report(self) -> NodeReport:
        """The same as the node has it; a long reason is cut."""
        values = self.model_dump()
        cut = {name: values[name] and values[name][:_MOST_REASON] for name in ("reason", "problem")}
        parts = tuple(RefusedPart(each.kind, each.name, each.reason) for each in self.refused_parts)
        return NodeReport(**(values | cut | {"refused_parts": parts}))


class BackendCountersRequest(RequestBody):
    """What a node has counted of one deployment."""

    backend: _Backend
    requests: _Count
    errors: _Count
    timed: _Count
    slower: Annotated[list[_Slower], Field(max_length=100)]

    def counters(self) -> BackendCounters:
        """As the node has them."""
        slower = tuple((bound, int(count)) for bound, count in self.slower)
        return BackendCounters(**{**self.model_dump(), "slower": slower})


class ExampleRequest(RequestBody):
    """A request on which two versions differed."""

    request_id: Annotated[str, Field(max_length=100)]
    difference: Annotated[str, Field(max_length=200)]


class ComparisonRequest(RequestBody):
    """What a node has found of a shadow."""

    backend: _Backend
    against: _Backend
    compared: _Count
    different: _Count
    backend_ms: Annotated[float, Field(ge=0)]
    against_ms: Annotated[float, Field(ge=0)]
    examples: Annotated[list[ExampleRequest], Field(max_length=100)]
    comparison: _Backend = ""

    def counters(self) -> ComparisonCounters:
        """As the node has them."""
        examples = tuple(Example(each.request_id, each.difference) for each in self.examples)
        return ComparisonCounters(**{**self.model_dump(), "examples": examples})


class CountersRequest(RequestBody):
    """What a node has counted since its Envoy started, and compared since its own start."""

    counters: Annotated[list[BackendCountersRequest], Field(max_length=10_000)]
    comparisons: Annotated[list[ComparisonRequest], Field(max_length=1_000)]


class NodeAnswer(BaseModel):
    """A node."""

    name: str
    running: str | None
    refused: str | None
    reason: str | None
    host: str
    port: int
    tls_port: int | None
    envoy_version: str | None
    problem: str | None
    seen_at: datetime

    @classmethod
    def of(cls, node: GatewayNode) -> "NodeAnswer":
        """The node on the wire."""
        return cls(**{name: getattr(node, name) for name in cls.model_fields})


class ConfigurationAnswer(BaseModel):
    """The newest configuration. `applied`: every node runs it; `refused`: a node runs the former one."""

    state: PublicationState
    number: int | None
    digest: str | None
    published_at: datetime | None

    @classmethod
    def of(cls, status: GatewayStatus) -> "ConfigurationAnswer":
        """The configuration on the wire."""
        newest = status.newest
        if newest is None:
            return cls(state=status.state, number=None, digest=None, published_at=None)
        return cls(state=status.state, number=newest.number, digest=newest.digest, published_at=newest.published_at)


class RefusalAnswer(BaseModel):
    """Something of the newest configuration that Envoy refuses; what it was before goes on."""

    tenant_id: str
    subject: str = Field(description="`paths/ml-model`, `models/churn`, or `token-issuers/main`")
    reason: str = Field(description="in Envoy's words")
    since: datetime

    @classmethod
    def of(cls, refusal: Refusal) -> "RefusalAnswer":
        """The refusal on the wire."""
        return cls(**{name: getattr(refusal, name) for name in cls.model_fields})


class GatewayStatusAnswer(BaseModel):
    """Where the gateway is called, and what it runs. Nodes are shown to the platform's operators."""

    addresses: list[str]
    public_ip_addresses: list[str]
    configuration: ConfigurationAnswer
    refused: list[RefusalAnswer] = Field(description="the caller's; to the platform's operators, of all tenants")
    nodes: list[NodeAnswer]

    @classmethod
    def of(
        cls,
        status: GatewayStatus,
        *,
        addresses: list[str],
        public_ip_addresses: list[str],
        refused: Sequence[Refusal],
        shows_nodes: bool,
    ) -> "GatewayStatusAnswer":
        """The status on the wire."""
        return cls(
            addresses=addresses,
            public_ip_addresses=public_ip_addresses,
            configuration=ConfigurationAnswer.of(status),
            refused=[RefusalAnswer.of(each) for each in refused],
            nodes=[NodeAnswer.of(node) for node in status.nodes] if shows_nodes else [],
        )
