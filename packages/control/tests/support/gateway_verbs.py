"""What the gateway does with version sets and APIs, over its tables alone: for tests of what applies files."""

from collections.abc import Mapping
from typing import Any

from gateway_objects import a_revision, a_version_set, an_api

from modelyard.db import Database
from modelyard.errors import Conflict, Invalid
from modelyard.gateway import release_store, store
from modelyard.gateway.domain import Answering, Api, Release, ReleaseCause, Revision, Target, VersionSet
from modelyard.gateway.objects import GatewayObjects
from modelyard.principals import Principal


class VersionSetsOfTests:
    """See `VersionSetVerbs`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._objects = GatewayObjects(database)

    def all(self, principal: Principal) -> Mapping[str, VersionSet]:
        return {each.version_set_id: each for each in self._objects.version_sets(principal)}

    def create(self, principal: Principal, version_set_id: str, values: Mapping[str, Any]) -> None:
        if len(version_set_id) > 80:
            raise Invalid("version_set_id: expected less", code="version_set_invalid", field="version_set_id")
        made = a_version_set(version_set_id=version_set_id, tenant_id=principal.tenant_id, **values)
        with self._database.write() as connection:
            store.add_version_set(connection, made)

    def change(self, principal: Principal, version_set_id: str, values: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            store.change_version_set(connection, self.all(principal)[version_set_id], **values)

    def delete(self, principal: Principal, version_set_id: str) -> None:
        with self._database.write() as connection:
            store.remove_version_set(connection, self.all(principal)[version_set_id])


class ApisOfTests:
    """See `ApiVerbs`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._objects = GatewayObjects(database)

    def all(self, principal: Principal) -> Mapping[str, tuple[Api, Revision | None, Release | None]]:
        return {api.api_id: self._whole(principal, api) for api in self._objects.apis(principal)}

    def create(self, principal: Principal, api_id: str, values: Mapping[str, Any]) -> None:
        sets = [each.version_set_id for each in self._objects.version_sets(principal)]
        if values["version_set_id"] not in (None, *sets):
            raise Conflict("version_set_id: there is none", code="version_set_not_found", field="version_set_id")
        with self._database.write() as connection:
            store.add_api(connection, an_api(api_id=api_id, current_revision=None, latest_revision=0, **values))

    def change(self, principal: Principal, api_id: str, values: Mapping[str, Any]) -> None:
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        with self._database.write() as connection:
            store.change_api(connection, self.all(principal)[api_id][0], **listed)

    def add_revision(self, principal: Principal, api_id: str, target: Target, values: Mapping[str, Any]) -> int:
        number = self.all(principal)[api_id][0].latest_revision + 1
        with self._database.write() as connection:
            release_store.add_revision(connection, a_revision(api_id=api_id, number=number, target=target, **values))
            store.change_api(connection, self.all(principal)[api_id][0], latest_revision=number)
        return number

    def release(self, principal: Principal, api_id: str, number: int, *, release_id: str, notes: str) -> None:
        api, revision, last = self.all(principal)[api_id]
        assert revision is not None
        release = Release(
            release_id=release_id,
            tenant_id=principal.tenant_id,
            api_id=api_id,
            number=1 if last is None else last.number + 1,
            cause=ReleaseCause.RELEASE,
            notes=notes,
            before=None,
            after=Answering(revision=number, target=revision.target),
            created_by=principal.subject,
            created_at=api.created_at,
        )
        with self._database.write() as connection:
            release_store.add_release(connection, release)
            store.change_api(connection, api, current_revision=number)

    def delete(self, principal: Principal, api_id: str) -> None:
        with self._database.write() as connection:
            store.remove_api(connection, self.all(principal)[api_id][0])

    def _whole(self, principal: Principal, api: Api) -> tuple[Api, Revision | None, Release | None]:
        revisions = self._objects.revisions(principal, api.api_id)
        return api, revisions[0] if revisions else None, self._objects.last_release(principal, api.api_id)
