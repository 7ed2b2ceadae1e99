"""What the registry says of models and versions on the wire. Each question is answered here and nowhere else, whether
it comes by a route or by the fast path; both have checked that the caller may read.

Most are one short statement that the event loop executes itself. Versions by their tags, metrics or words, and models
by their words, are read in a thread.
"""

from functools import partial

from anyio import to_thread

from modelyard.db import Database
from modelyard.http.cached_response import CachedResponse
from modelyard.principals import Principal
from modelyard.registry.domain import MAX_VERSION, model_not_found, version_not_found
from modelyard.registry.reads import statements
from modelyard.registry.reads.statements import Row, pop_change_number, version_fields
from modelyard.registry.search.bitmap_search import Rows, SlotNames
from modelyard.registry.search.filters import (
    EVERY_MODEL,
    EVERY_VERSION,
    NEWEST_FIRST,
    ModelFilter,
    ModelOrder,
    VersionFilter,
    VersionOrder,
)
from modelyard.registry.search.models import PageRequest, run, search
from modelyard.registry.search.page_keys import after, model_cursor, model_key, version_cursor, version_key
from modelyard.registry.search.pages import ORDERED_BY, versions_query


class RegistryReads:
    """Reads of all tenants; each sees the caller's own only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = SlotNames()

    async def version(self, caller: Principal, name: str, number: int) -> CachedResponse:
        """One version.

        Raises:
            NotFound: code `version_not_found`.
        """
        rows: list[Row] = []
        if 0 < number <= MAX_VERSION:
            parameters = {"tenant_id": caller.tenant_id, "name": name, "version": number}
            rows = await self._database.fetch(statements.one_version(), parameters)
        if not rows:
            raise version_not_found(name, number)
        change_number = pop_change_number(rows)
        return CachedResponse.of(version_fields(rows[0]), rows[0]["revision"], change_number=change_number)

    async def model(self, caller: Principal, name: str) -> CachedResponse:
        """One model.

        Raises:
            NotFound: code `model_not_found`.
        """
        parameters = {"tenant_id": caller.tenant_id, "name": name}
        rows = await self._database.fetch(statements.one_model(), parameters)
        if not rows:
            raise model_not_found(name)
        change_number = pop_change_number(rows)
        return CachedResponse.of(rows[0], rows[0]["revision"], change_number=change_number)

    async def versions(
        self,
        caller: Principal,
        name: str,
        which: VersionFilter = EVERY_VERSION,
        *,
        order: VersionOrder = NEWEST_FIRST,
        limit: int,
        cursor: str | None = None,
    ) -> CachedResponse:
        """A page of the versions of a model that meet the filter.

        Raises:
            NotFound: code `model_not_found`.
            Invalid: code `cursor_invalid`.
        """
        key = [] if cursor is None else version_key(order, cursor)
        if which == VersionFilter(stage=which.stage) and order.metric is None:
            statement = statements.page_of_versions(which.stage, is_first=not key, is_descending=order.is_descending)
            parameters = {"tenant_id": caller.tenant_id, "name": name, "limit": limit + 1, **after(key)}
            rows = await self._database.fetch(statement, parameters)
        else:
            filtered = partial(self._filtered_versions, caller, name, which, order=order, limit=limit, cursor=cursor)
            rows = await to_thread.run_sync(filtered)
        if not rows:
            await self._refuse_unknown(caller, name)
        change_number = pop_change_number(rows)
        values = [row.pop(ORDERED_BY, None) for row in rows]
        found = [version_fields(row) for row in rows[:limit]]
        more = None
        if len(rows) > limit:
            more = version_cursor(order, found[-1]["version"], value=values[limit - 1])
        return CachedResponse.of({"versions": found, "next_cursor": more}, change_number=change_number)

    async def models(
        self,
        caller: Principal,
        which: ModelFilter = EVERY_MODEL,
        *,
        order: ModelOrder = ModelOrder.NAME,
        limit: int,
        cursor: str | None = None,
    ) -> CachedResponse:
        """A page of the models that meet the filter.

        Raises:
            Invalid: code `cursor_invalid`.
        """
        key = [] if cursor is None else model_key(order, cursor)
        request = PageRequest(which, order, key=key, limit=limit + 1)
        if which.text:
            # No index has words: all models are read for them, which would hold the event loop up.
            rows = await to_thread.run_sync(self._search_in_thread, caller.tenant_id, request)
        else:
            rows = await self._search(caller.tenant_id, request)
        change_number = pop_change_number(rows)
        more = None
        if len(rows) > limit:
            last = rows[limit - 1]
            more = model_cursor(
                order, name=last["name"], created_at=last["created_at"], updated_at=last["last_updated"]
            )
        # A search has several statements, each of which sees another state.
        is_one_state = which == EVERY_MODEL
        content = {"models": rows[:limit], "next_cursor": more}
        return CachedResponse.of(content, change_number=change_number if is_one_state else None)

    def _filtered_versions(
        self,
        caller: Principal,
        name: str,
        which: VersionFilter,
        *,
        order: VersionOrder,
        limit: int,
        cursor: str | None,
    ) -> list[Row]:
        columns = statements.select_version().where(statements.model_exists())
        query = versions_query(columns, caller.tenant_id, name, which, order=order, limit=limit, cursor=cursor)
        with self._database.read() as connection:
            found = connection.execute(query, {"tenant_id": caller.tenant_id, "name": name})
            return [row._asdict() for row in found]

    async def _refuse_unknown(self, caller: Principal, name: str) -> None:
        parameters = {"tenant_id": caller.tenant_id, "name": name}
        (row,) = await self._database.fetch(statements.select_model_exists(), parameters)
        if not row["is_there"]:
            raise model_not_found(name)

    def _search_in_thread(self, tenant_id: str, request: PageRequest) -> list[Row]:
        with self._database.read() as connection:
            return list(run(search(statements.page_of_models, self._slots, tenant_id, request), connection))

    async def _search(self, tenant_id: str, request: PageRequest) -> list[Row]:
        """Each statement sees the state of its moment: a model is on the page if it was found, and exists when read."""
        queries = search(statements.page_of_models, self._slots, tenant_id, request)
        try:
            query = next(queries)
            while True:
                query = queries.send(await self._database.fetch(*query))
        except StopIteration as done:
            rows: Rows = done.value
            return list(rows)
