"""The fast path of the registry's plain questions: one version, one model, a page of a model's versions. It reads the
question from the request's address, without the framework's routing, which takes longer than all the rest.

Whatever else a request holds is left to the routes (routes.py), errors included.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from modelyard.http.cached_response import CachedResponse
from modelyard.http.own_tenant import TENANT_ID
from modelyard.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Principal
from modelyard.registry.reads.routes import MAY_READ, PREFIX
from modelyard.registry.reads.service import RegistryReads
from modelyard.registry.search.filters import VersionFilter
from modelyard.registry.states import Stage

_MODELS = f"{PREFIX}/models"
_NAME = r"(?P<name>[^/]+)"
_NUMBER = r"(?P<number>[1-9]\d{0,8})"
_STAGES = frozenset(Stage)
_LIMIT = re.compile(r"[1-9]\d{0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Page:
    stage: Stage | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class RegistryFastPath:
    """Asks `RegistryReads`, as the routes do."""

    def __init__(self, reads: RegistryReads) -> None:
        self._reads = reads
        self._questions = [
            (re.compile(address, re.ASCII), answer)
            for address, answer in (
                (f"{_MODELS}/{_NAME}/versions/{_NUMBER}", self._version),
                (f"{_MODELS}/{_NAME}", self._model),
                (f"{_MODELS}/{_NAME}/versions", self._versions),
            )
        ]

    async def __call__(self, caller: Principal, path: str, query: bytes) -> CachedResponse | None:
        """The response, if this is a plain question.

        Raises:
            ModelyardError: the caller may not ask, or there is no such thing; the route says so.
        """
        if not path.startswith(_MODELS) or (page := _page(query, caller.tenant_id)) is None:
            return None
        for address, answer in self._questions:
            if query and answer != self._versions:
                continue  # The others take no parameters; their routes say so.
            if question := address.fullmatch(path):
                return await answer(MAY_READ.check(caller), page, **question.groupdict())
        return None

    async def _version(self, caller: Principal, _: _Page, name: str, number: str) -> CachedResponse:
        return await self._reads.version(caller, name, int(number))

    async def _model(self, caller: Principal, _: _Page, name: str) -> CachedResponse:
        return await self._reads.model(caller, name)

    async def _versions(self, caller: Principal, page: _Page, name: str) -> CachedResponse:
        which = VersionFilter(stage=page.stage)
        return await self._reads.versions(caller, name, which, limit=page.limit, cursor=page.cursor)


def _page(query: bytes, tenant_id: str) -> _Page | None:
    """The page that is asked for; None if there is another parameter, one twice, or a value that is for the route."""
    if not query:
        return _Page()
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs) or not given.keys() <= {"stage", "limit", "cursor", TENANT_ID}:
        return None
    if given.get(TENANT_ID, tenant_id) != tenant_id:
        return None
    stage, limit, cursor = given.get("stage"), given.get("limit", str(DEFAULT_LIMIT)), given.get("cursor")
    if not _LIMIT.fullmatch(limit) or int(limit) > MAX_LIMIT or len(cursor or "") > MAX_CURSOR:
        return None
    if stage is None:
        return _Page(None, int(limit), cursor)
    return _Page(Stage(stage), int(limit), cursor) if stage in _STAGES else None
