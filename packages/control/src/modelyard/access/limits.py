"""A tenant's quotas at the moment when something is made, held so that two at once cannot pass them together."""

from sqlalchemy import Connection

from modelyard.access import store
from modelyard.access.quotas import Quotas


def hold_quotas(connection: Connection, tenant_id: str) -> Quotas:
    """The tenant's quotas; its row stays locked until the transaction ends.

    It comes first in a transaction, before any other lock: so no two that make things can wait for each other.
    """
    tenant = store.lock_tenant(connection, tenant_id)
    return Quotas() if tenant is None else tenant.quotas
