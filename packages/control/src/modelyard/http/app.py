"""Builds the management API from its services. It refuses to start with a route that declares no permission."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from modelyard import __version__
from modelyard.db import Database
from modelyard.http.authenticator import Authenticator
from modelyard.http.cached_response import FastPath, no_fast_path
from modelyard.http.docs import docs_routes
from modelyard.http.errors import ERRORS, add_error_handlers
from modelyard.http.guard import refuse_unguarded_routes
from modelyard.http.known_queries import KnownQueries
from modelyard.http.middleware.authentication import Authentication
from modelyard.http.middleware.body_limit import BodyLimit
from modelyard.http.middleware.cached_reads import CachedReads
from modelyard.http.middleware.json_by_default import JsonByDefault
from modelyard.http.middleware.plain_url import PlainUrl
from modelyard.http.middleware.request_id import RequestId
from modelyard.http.middleware.source_check import SourceCheck
from modelyard.http.response_cache import ResponseCache
from modelyard.http.routing import APIRouter, add_routes
from modelyard.trusted_sources import TrustedSources

MAX_BODY_BYTES = 8 * 1024 * 1024
_DESCRIPTION = "From a training script to a governed, versioned production API."


@dataclass(frozen=True, slots=True)
class Pages:
    """What is shown to people on the API's own address.

    Attributes:
        routers: its routes; each names a permission or is public.
        public: paths that are open to everybody.
        forms: the beginnings of the paths whose bodies are forms.
        streamed: the beginnings of the paths that take a file, each with the limit of its bodies.
        middleware: what knows the callers of pages. It comes before the callers of the API are authenticated.
    """

    routers: Sequence[APIRouter] = ()
    public: frozenset[str] = frozenset()
    forms: tuple[str, ...] = ()
    streamed: Mapping[str, int] = field(default_factory=dict)
    middleware: Sequence[Middleware] = ()


def create_app(
    *,
    access: Authenticator,
    database: Database,
    sources: TrustedSources,
    routers: Sequence[APIRouter],
    is_ready: Callable[[], bool],
    disk_full_reason: Callable[[], str | None],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
    streamed: Mapping[str, int] = MappingProxyType({}),
    cache_seconds: float = 0,
    fast_path: FastPath = no_fast_path,
    pages: Pages | None = None,
) -> FastAPI:
    """The application. `lifespan` starts and stops what works in the background; responses are cached for
    `cache_seconds`.

    `streamed` names beginnings of paths whose bodies are taken piece by piece, with their own limit.
    `disk_full_reason` says why nothing that takes space is begun now; then it is not ready. `pages` are what people
    look at, with sessions of their own.
    """
    app = FastAPI(
        title="Modelyard",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=ERRORS,
        generate_unique_id_function=_operation_id,
        openapi_url=None,
        dependencies=[Depends(KnownQueries())],
    )
    shown = pages or Pages()
    all_routers = (*routers, _health_routes(is_ready, disk_full_reason), docs_routes(), *shown.routers)
    routes = [route for router in all_routers for route in router.routes]
    refuse_unguarded_routes(routes, public=shown.public)
    add_routes(app.router, routes)
    add_error_handlers(app)
    # The last one is the first that a request comes to.
    app.add_middleware(JsonByDefault, forms=shown.forms)
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES, streamed={**streamed, **shown.streamed})
    app.add_middleware(Authentication, access=access, database=database, public=shown.public)
    cache = ResponseCache(ttl_seconds=cache_seconds)
    app.add_middleware(CachedReads, access=access, database=database, cache=cache, fast_path=fast_path)
    for middleware in shown.middleware:
        app.add_middleware(middleware.cls, *middleware.args, **middleware.kwargs)
    app.add_middleware(PlainUrl)
    app.add_middleware(SourceCheck, sources=sources)
    app.add_middleware(RequestId)
    return app


def _operation_id(route: APIRoute) -> str:
    """What a generated client calls the operation."""
    return "_".join([*map(str, route.tags[:1]), route.name])


def _health_routes(is_ready: Callable[[], bool], disk_full_reason: Callable[[], str | None]) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> dict[str, bool]:
        """Whether the process answers at all."""
        return {"live": True}

    @router.get("/ready")
    def ready() -> JSONResponse:
        """Whether management calls can be answered, and there is space for what they ask."""
        reason = disk_full_reason()
        if reason is not None:
            return JSONResponse({"ready": False, "reason": reason}, 503)
        ok = is_ready()
        return JSONResponse({"ready": ok}, 200 if ok else 503)

    return router
