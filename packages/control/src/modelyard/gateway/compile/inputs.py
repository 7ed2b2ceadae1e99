"""What the route table is compiled from: everything that is known at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from modelyard.gateway.domain import Api, Revision, VersionSet
from modelyard.gateway.table import OPEN, Access, Endpoint, Sticky


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedVersion:
    """A deployment that shall run."""

    deployment_id: str
    tenant_id: str
    model_name: str
    version: int
    address: Endpoint | None
    """None until its target has given it one."""
    is_ready: bool
    """Whether some of its replicas answered when its target was asked last."""
    created_at: datetime
    is_replacing: bool = False
    """Whether servers of another version are at its address too: one version takes the other's place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelStages:
    """Which versions of a model are in the stages that an API can be bound to."""

    production: int | None = None
    staging: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the requests that a version gets."""

    version: int
    weight: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """That the answers of a shadow are compared with those of a version that answers callers."""

    name: str
    """Of the comparison: what nodes find is reported under it."""
    against: int
    tolerance: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """A version that gets copies of a percentage of the requests."""

    version: int
    percent: float
    compared: Compared | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrafficSplit:
    """How requests that lead to a model divide between its versions, in place of the version that would answer alone.

    It holds for the stable address of the model, and for APIs that are bound to the model or to its production stage;
    not for what names a version or a deployment.
    """

    tenant_id: str
    model_name: str
    shares: tuple[Share, ...]
    """In this order. The part of a version that has no address goes to the first one that has, and no other caller to
    another version than before."""
    sticky: Sticky | None = None
    shadow: Copies | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayState:
    """Rows and observations, of all tenants that are not deleted."""

    now: datetime
    version_sets: Sequence[VersionSet] = ()
    apis: Sequence[Api] = ()
    revisions: Sequence[Revision] = ()
    deployments: Sequence[DeployedVersion] = ()
    stages: Mapping[tuple[str, str], ModelStages] = field(default_factory=dict)
    """By tenant and model."""
    addresses: Mapping[str, Sequence[Endpoint]] = field(default_factory=dict)
    """Where each service URL leads: addresses that the gateway may call, and no others."""
    splits: Sequence[TrafficSplit] = ()
    model_access: Access = OPEN
    """Who may call stable addresses of models."""
