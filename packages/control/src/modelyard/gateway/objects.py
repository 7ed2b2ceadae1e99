"""All that a tenant's gateway has, for what translates or compares the whole of it."""

from collections.abc import Sequence

from modelyard.db import Database
from modelyard.gateway import release_store, store
from modelyard.gateway.domain import Api, Release, Revision, VersionSet
from modelyard.principals import Principal

_MANY = 1_000_000


class GatewayObjects:
    """Reads of the caller's tenant, by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def version_sets(self, principal: Principal) -> Sequence[VersionSet]:
        """All of them."""
        with self._database.read() as connection:
            found = store.page_of_version_sets(connection, principal.tenant_id, limit=_MANY, cursor=None)
            return found.items

    def apis(self, principal: Principal) -> Sequence[Api]:
        """All of them."""
        with self._database.read() as connection:
            return sorted(store.apis_of_tenant(connection, principal.tenant_id), key=lambda api: api.api_id)

    def revisions(self, principal: Principal, api_id: str) -> Sequence[Revision]:
        """All of an API's, the newest first."""
        with self._database.read() as connection:
            return release_store.revisions_of_api(connection, principal.tenant_id, api_id)

    def last_release(self, principal: Principal, api_id: str) -> Release | None:
        """What made the current revision answer; None before the first release."""
        with self._database.read() as connection:
            found = release_store.latest_releases(connection, principal.tenant_id, api_id, limit=1)
            return found[0] if found else None
