"""The routes of one model server. The paths of the model are known at start, so finding a handler is one look into
a dictionary; only a path that is not there is taken apart, to say what is wrong with it."""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.http.describe import Describer
from modelyard_serving.http.errors import error_response
from modelyard_serving.http.exchange import Answer, Handler, Request, Response
from modelyard_serving.http.infer import InferEndpoint
from modelyard_serving.http.predict import PredictEndpoint

Routes = Mapping[str, Mapping[str, Handler]]
_MODEL_PATH = re.compile(
    r"/v2/models/(?P<name>.+?)(?:/versions/(?P<version>[^/]+))?(?:/(?:infer|ready|config|stats))?/?"
)


class App:
    """Answers requests, at once or by an awaitable; an error becomes its response and never an exception."""

    def __init__(self, plane: DataPlane, *, routes: Routes | None = None) -> None:
        self._plane = plane
        self._routes = routes if routes is not None else build_routes(plane)

    def handle(self, request: Request) -> Answer:
        handlers = self._routes.get(request.path)
        handler = handlers.get(request.method) if handlers is not None else None
        if handler is None:
            return self._unrouted(request)
        try:
            return handler(request)
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets its 500.
            return error_response(error)

    def _unrouted(self, request: Request) -> Answer:
        path = unquote(request.path)
        if path != "/" and path.endswith("/"):
            path = path.rstrip("/")
        handlers = self._routes.get(path)
        if handlers is None:
            return error_response(self._not_found(path))
        if request.method in handlers:
            request.path = path
            return self.handle(request)
        if request.method == "HEAD" and "GET" in handlers:
            return Response(200, b"")
        allowed = ", ".join(handlers)
        response = error_response(
            ServingError(f"{path} takes {allowed}, not {request.method}", kind=Kind.METHOD_NOT_ALLOWED)
        )
        response.headers = [*response.headers, ("allow", allowed)]
        return response

    def _not_found(self, path: str) -> ServingError:
        match = _MODEL_PATH.fullmatch(path)
        if match is not None:
            try:
                self._plane.check_name(match["name"], match["version"])
            except ServingError as error:
                return error
        return ServingError(f"there is nothing at {path}", kind=Kind.NOT_FOUND)


def build_routes(plane: DataPlane) -> Routes:
    """Every path of this server with its methods."""
    describe = Describer(plane)
    infer = InferEndpoint(plane)
    predict = PredictEndpoint(plane)
    routes: dict[str, dict[str, Handler]] = {
        "/v2": {"GET": describe.server},
        "/v2/health/live": {"GET": describe.live},
        "/v2/health/ready": {"GET": describe.ready},
        "/health": {"GET": describe.health},
        "/metadata": {"GET": describe.metadata},
        "/predict": {"POST": predict.predict},
        "/invocations": {"POST": predict.predict},
    }
    served = plane.served
    for model in {f"/v2/models/{served.name}", f"/v2/models/{quote(served.name)}"}:
        for place in (model, f"{model}/versions/{served.version}"):
            routes[place] = {"GET": describe.model}
            routes[f"{place}/ready"] = {"GET": describe.model_ready}
            routes[f"{place}/infer"] = {"POST": infer.infer}
    return routes
