"""The catalogue's plain questions, read from a request's address without a route: one version, one model, a page by
number or name, the versions in a stage. Whatever else a request may hold is for the routes (routes.py).
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from modelyard.errors import ModelyardError
from modelyard.http.told import Told
from modelyard.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.registry.reading import CatalogueReading
from modelyard.registry.search.filters import NEWEST_FIRST, ModelOrder
from modelyard.registry.states import Stage

_MODELS = "/api/v1/ml/registry/models"
_NAME = r"(?P<name>[^/]+)"
_NUMBER = r"(?P<number>[1-9]\d{0,8})"
_STAGES = frozenset(Stage)
_LIMIT = re.compile(r"[1-9]\d{0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Page:
    stage: Stage | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class CatalogueAtOnce:
    """Answers each from one statement."""

    def __init__(self, reading: CatalogueReading) -> None:
        self._reading = reading
        self._questions = [
            (re.compile(address, re.ASCII), answer)
            for address, answer in (
                (f"{_MODELS}/{_NAME}/versions/{_NUMBER}", self._version),
                (f"{_MODELS}/{_NAME}", self._model),
                (f"{_MODELS}/{_NAME}/versions", self._versions),
                (_MODELS, self._models),
            )
        ]

    async def __call__(self, caller: Principal, path: str, query: bytes) -> Told | None:
        """The answer, if this is such a question, there is an answer, and the caller may have it."""
        if not path.startswith(_MODELS) or not caller.may(Permission.MODELS_READ):
            return None
        page = _page(query, caller.tenant_id)
        if page is None:
            return None
        for address, answer in self._questions:
            if query and answer in (self._version, self._model):
                continue  # They take no parameters; their routes say so.
            if asked := address.fullmatch(path):
                try:
                    return await answer(caller.tenant_id, page, **asked.groupdict())
                except ModelyardError:
                    return None
        return None

    async def _version(self, tenant_id: str, _: _Page, name: str, number: str) -> Told | None:
        return await self._reading.version(tenant_id, name, int(number))

    async def _model(self, tenant_id: str, _: _Page, name: str) -> Told | None:
        return await self._reading.model(tenant_id, name)

    async def _versions(self, tenant_id: str, page: _Page, name: str) -> Told | None:
        return await self._reading.versions(
            tenant_id, name, stage=page.stage, order=NEWEST_FIRST, limit=page.limit, cursor=page.cursor
        )

    async def _models(self, tenant_id: str, page: _Page) -> Told | None:
        if page.stage is not None:
            return None
        return await self._reading.models(tenant_id, order=ModelOrder.NAME, limit=page.limit, cursor=page.cursor)


def _page(query: bytes, tenant_id: str) -> _Page | None:
    """The page that is asked for; None if there is another parameter, one twice, or a value that is for the route."""
    if not query:
        return _Page()
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs) or not given.keys() <= {"stage", "limit", "cursor", "tenant_id"}:
        return None
    if given.get("tenant_id", tenant_id) != tenant_id:
        return None
    stage, limit, cursor = given.get("stage"), given.get("limit", str(DEFAULT_LIMIT)), given.get("cursor")
    if not _LIMIT.fullmatch(limit) or int(limit) > MAX_LIMIT or len(cursor or "") > MAX_CURSOR:
        return None
    if stage is None:
        return _Page(None, int(limit), cursor)
    return _Page(Stage(stage), int(limit), cursor) if stage in _STAGES else None
