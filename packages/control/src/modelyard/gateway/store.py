"""Reads and writes version sets and APIs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from modelyard.gateway.domain import Api, OnMissing, VersioningScheme, VersionSet
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.tables import apis, releases, revisions, version_sets
from modelyard.paging import Page, decode_cursor, encode_cursor


def add_version_set(connection: Connection, version_set: VersionSet) -> None:
    """Insert a version set."""
    connection.execute(
        insert(version_sets).values(
            tenant_id=version_set.tenant_id,
            id=version_set.version_set_id,
            display_name=version_set.display_name,
            description=version_set.description,
            scheme=version_set.scheme,
            parameter=version_set.parameter,
            on_missing=version_set.on_missing,
            default_version=version_set.default_version,
            created_by=version_set.created_by,
            created_at=version_set.created_at,
            updated_at=version_set.updated_at,
            revision=version_set.revision,
        )
    )


def change_version_set(connection: Connection, version_set: VersionSet, **values: Any) -> bool:
    """Write some columns, if nobody else did since the version set was read."""
    statement = update(version_sets).where(
        version_sets.c.tenant_id == version_set.tenant_id,
        version_sets.c.id == version_set.version_set_id,
        version_sets.c.revision == version_set.revision,
    )
    return connection.execute(statement.values(revision=version_set.revision + 1, **values)).rowcount == 1


def remove_version_set(connection: Connection, version_set: VersionSet) -> None:
    """Delete a version set of which no API is left."""
    connection.execute(
        delete(version_sets).where(
            version_sets.c.tenant_id == version_set.tenant_id, version_sets.c.id == version_set.version_set_id
        )
    )


def find_version_set(connection: Connection, tenant_id: str, version_set_id: str) -> VersionSet | None:
    """One version set of a tenant."""
    query = select(version_sets).where(version_sets.c.tenant_id == tenant_id, version_sets.c.id == version_set_id)
    row = connection.execute(query).first()
    return None if row is None else version_set_of(row)


def page_of_version_sets(connection: Connection, tenant_id: str, *, limit: int, cursor: str | None) -> Page[VersionSet]:
    """Version sets of a tenant, by id."""
    query = select(version_sets).where(version_sets.c.tenant_id == tenant_id)
    if cursor is not None:
        query = query.where(version_sets.c.id > decode_cursor(cursor, parts=1)[0])
    rows = connection.execute(query.order_by(version_sets.c.id).limit(limit + 1)).all()
    items = [version_set_of(row) for row in rows[:limit]]
    return Page(items, encode_cursor(items[-1].version_set_id) if len(rows) > limit else None)


def every_version_set(connection: Connection) -> Sequence[VersionSet]:
    """Those of all tenants."""
    return [version_set_of(row) for row in connection.execute(select(version_sets))]


def add_api(connection: Connection, api: Api) -> None:
    """Insert an API."""
    connection.execute(
        insert(apis).values(
            tenant_id=api.tenant_id,
            id=api.api_id,
            display_name=api.display_name,
            description=api.description,
            path=api.path,
            api_version=api.api_version,
            version_key=version_key(api.api_version),
            version_set_id=api.version_set_id,
            protocols=list(api.protocols),
            subscription_required=api.subscription_required,
            key_header=api.key_header,
            key_query=api.key_query,
            status=api.status,
            deprecated_at=api.deprecated_at,
            sunset_at=api.sunset_at,
            successor=api.successor,
            notice_url=api.notice_url,
            current_revision=api.current_revision,
            latest_revision=api.latest_revision,
            created_by=api.created_by,
            created_at=api.created_at,
            updated_at=api.updated_at,
            revision=api.revision,
        )
    )


def change_api(connection: Connection, api: Api, **values: Any) -> bool:
    """Write some columns, if nobody else did since the API was read."""
    statement = update(apis).where(
        apis.c.tenant_id == api.tenant_id, apis.c.id == api.api_id, apis.c.revision == api.revision
    )
    return connection.execute(statement.values(revision=api.revision + 1, **values)).rowcount == 1


def remove_api(connection: Connection, api: Api) -> None:
    """Delete an API with its revisions and releases."""
    for table in (releases, revisions):
        connection.execute(delete(table).where(table.c.tenant_id == api.tenant_id, table.c.api_id == api.api_id))
    connection.execute(delete(apis).where(apis.c.tenant_id == api.tenant_id, apis.c.id == api.api_id))


def find_api(connection: Connection, tenant_id: str, api_id: str) -> Api | None:
    """One API of a tenant."""
    row = connection.execute(select(apis).where(apis.c.tenant_id == tenant_id, apis.c.id == api_id)).first()
    return None if row is None else api_of(row)


def count_apis(connection: Connection, tenant_id: str) -> int:
    """How many a tenant has."""
    return connection.execute(select(func.count()).select_from(apis).where(apis.c.tenant_id == tenant_id)).scalar_one()


def apis_of_tenant(connection: Connection, tenant_id: str) -> Sequence[Api]:
    """All of a tenant's."""
    return [api_of(row) for row in connection.execute(select(apis).where(apis.c.tenant_id == tenant_id))]


def every_api(connection: Connection) -> Sequence[Api]:
    """Those of all tenants."""
    return [api_of(row) for row in connection.execute(select(apis))]


def page_of_apis(
    connection: Connection, tenant_id: str, *, version_set_id: str | None, limit: int, cursor: str | None
) -> Page[Api]:
    """APIs of a tenant, or those of one version set, by id."""
    query = select(apis).where(apis.c.tenant_id == tenant_id)
    if version_set_id is not None:
        query = query.where(apis.c.version_set_id == version_set_id)
    if cursor is not None:
        query = query.where(apis.c.id > decode_cursor(cursor, parts=1)[0])
    rows = connection.execute(query.order_by(apis.c.id).limit(limit + 1)).all()
    items = [api_of(row) for row in rows[:limit]]
    return Page(items, encode_cursor(items[-1].api_id) if len(rows) > limit else None)


def version_key(api_version: str | None) -> str:
    """What is unique at a path: two versions that differ by case only would be one to a reader."""
    return "" if api_version is None else api_version.lower()


def version_set_of(row: Row[Any]) -> VersionSet:
    """A row of `gateway_version_sets` as the domain knows it."""
    return VersionSet(
        version_set_id=row.id,
        tenant_id=row.tenant_id,
        display_name=row.display_name,
        description=row.description,
        scheme=VersioningScheme(row.scheme),
        parameter=row.parameter,
        on_missing=OnMissing(row.on_missing),
        default_version=row.default_version,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )


def api_of(row: Row[Any]) -> Api:
    """A row of `gateway_apis` as the domain knows it."""
    return Api(
        api_id=row.id,
        tenant_id=row.tenant_id,
        display_name=row.display_name,
        description=row.description,
        path=row.path,
        api_version=row.api_version,
        version_set_id=row.version_set_id,
        protocols=tuple(row.protocols),
        subscription_required=row.subscription_required,
        key_header=row.key_header,
        key_query=row.key_query,
        status=ApiStatus(row.status),
        deprecated_at=row.deprecated_at,
        sunset_at=row.sunset_at,
        successor=row.successor,
        notice_url=row.notice_url,
        current_revision=row.current_revision,
        latest_revision=row.latest_revision,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
