"""Tenants, for the operators of the platform."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from modelyard_client.tokens import NewToken
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_COLLECTION = "/api/v1/access/tenants"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A tenant. What `quotas` does not name has no limit.

    It names models, versions, replicas, concurrent_jobs, upload_bytes and tokens.
    """

    tenant_id: str
    name: str
    quotas: Mapping[str, int]
    created_at: datetime | None
    suspended_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Tenant":
        """Read a tenant of the API."""
        fields = Fields(value, noun="tenant")
        return cls(
            tenant_id=fields.text("tenant_id"),
            name=fields.text("name"),
            quotas=fields.mapping("quotas"),
            created_at=fields.optional_time("created_at"),
            suspended_at=fields.optional_time("suspended_at"),
        )


class Tenants:
    """`client.tenants`. All of it needs the permission `tenants:write`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None) -> Iterator[Tenant]:
        """Tenants, fetched page by page as they are asked for; all of them without a limit."""
        pages = self._transport.pages(_COLLECTION, plural="tenants", query={}, limit=limit)
        return (Tenant.from_json(item) for item in pages)

    def get(self, tenant_id: str) -> Tenant:
        """One tenant.

        Raises:
            NotFound: there is no such tenant.
        """
        return Tenant.from_json(self._transport.get(_path(tenant_id)))

    def create(
        self, tenant_id: str, *, admin: str, name: str | None = None, quotas: Mapping[str, int] | None = None
    ) -> tuple[Tenant, NewToken]:
        """Make a tenant, and its administrator's token, whose secret is returned only here.

        Raises:
            Conflict: there is a tenant of this id.
        """
        body = {"tenant_id": tenant_id, "admin": admin, "name": name, "quotas": dict(quotas or {})}
        made = Fields(self._transport.post(_COLLECTION, body), noun="new tenant")
        return Tenant.from_json(made.value("tenant")), NewToken.from_json(made.value("admin_token"))

    def change(self, tenant_id: str, *, name: str | None = None, quotas: Mapping[str, int] | None = None) -> Tenant:
        """Give another name, or other quotas in place of all of those before."""
        body = {"name": name, "quotas": None if quotas is None else dict(quotas)}
        return Tenant.from_json(self._transport.patch(_path(tenant_id), body))

    def suspend(self, tenant_id: str, *, reason: str = "") -> Tenant:
        """Suspend the tenant: its members have no access; its deployments keep serving."""
        return Tenant.from_json(self._transport.post(f"{_path(tenant_id)}/suspend", {"reason": reason}))

    def resume(self, tenant_id: str, *, reason: str = "") -> Tenant:
        """Let the tenant in again."""
        return Tenant.from_json(self._transport.post(f"{_path(tenant_id)}/resume", {"reason": reason}))

    def delete(self, tenant_id: str, *, reason: str = "") -> None:
        """Shut a suspended tenant for ever.

        Raises:
            Conflict: it is not suspended, or something of it still runs.
        """
        self._transport.send("DELETE", _path(tenant_id), query={"reason": reason})

    def reissue_admin_token(self, tenant_id: str, *, admin: str) -> NewToken:
        """A new token for an administrator, in place of all that they had; its secret is returned only here.

        Raises:
            NotFound: the tenant has no such administrator.
        """
        return NewToken.from_json(self._transport.post(f"{_path(tenant_id)}/admin-token", {"admin": admin}))


def _path(tenant_id: str) -> str:
    return path("api", "v1", "access", "tenants", tenant_id)
