"""A tenant's quotas at the moment when something is made, held so that two at once cannot pass them together."""

from sqlalchemy import Connection

from modelyard.access import store
from modelyard.access.quotas import Quotas
from modelyard.errors import NotFound


def lock_quotas(connection: Connection, tenant_id: str) -> Quotas:
    """The tenant's quotas; its row stays locked until the transaction ends.

    It comes first in a transaction, before any other lock: so no two that make things can wait for each other.

    Raises:
        NotFound: code `tenant_not_found`, when it was deleted since the caller was let in.
    """
    tenant = store.lock_tenant(connection, tenant_id)
    if tenant is not None and tenant.deleted_at is not None:
        raise NotFound(f"there is no tenant '{tenant_id}'", code="tenant_not_found")
    return Quotas() if tenant is None else tenant.quotas
