"""Health, readiness and metadata of the server and its model."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.drift.counters import read_counters
from modelyard_serving.errors import InvalidInput, Kind
from modelyard_serving.http.errors import RETRY_AFTER_S, STATUS
from modelyard_serving.http.exchange import JSON, Request, Response, json_response
from modelyard_serving.http.openapi import openapi
from modelyard_serving.http.proxy import address_of_proxy
from modelyard_serving.metrics.exposition import CONTENT_TYPE, expose, statistics
from modelyard_serving.metrics.shared_memory import SharedMetrics
from modelyard_serving.protocol.configuration import configuration
from modelyard_serving.signature import TensorSpec

_DOCS = Path(__file__).with_name("docs.html")
"""A page that draws the OpenAPI document; it needs nothing from elsewhere."""


class Describer:
    """The GET endpoints that need no prediction."""

    def __init__(self, plane: DataPlane, metrics: SharedMetrics) -> None:
        self._plane = plane
        self._metrics = metrics

    def live(self, _: Request) -> Response:
        return json_response({"live": self._plane.server_live()})

    def ready(self, _: Request) -> Response:
        return self._readiness({"live": self._plane.server_live()}, is_ready=self._plane.server_ready())

    def model_ready(self, _: Request) -> Response:
        served = self._plane.served
        return self._readiness({"name": served.name}, is_ready=self._plane.model_ready(served.name))

    def _readiness(self, content: dict[str, Any], *, is_ready: bool) -> Response:
        if is_ready:
            return json_response({**content, "ready": True})
        response = json_response(
            {**content, "ready": False, "error": "the server is not ready"}, status=STATUS[Kind.UNAVAILABLE]
        )
        response.headers = [JSON, ("retry-after", str(RETRY_AFTER_S))]
        return response

    def server(self, _: Request) -> Response:
        metadata = self._plane.server_metadata()
        return json_response({"name": metadata.name, "version": metadata.version, "extensions": metadata.extensions})

    def model(self, _: Request) -> Response:
        metadata = self._plane.model_metadata(self._plane.served.name)
        return json_response(
            {
                "name": metadata.name,
                "versions": metadata.versions,
                "platform": metadata.platform,
                "inputs": [_tensor(spec) for spec in metadata.inputs],
                "outputs": [_tensor(spec) for spec in metadata.outputs],
                **({"properties": metadata.properties} if metadata.properties else {}),
            }
        )

    def models(self, _: Request) -> Response:
        return json_response({"models": [self._plane.served.name]})

    def config(self, _: Request) -> Response:
        served = self._plane.served
        return json_response(
            configuration(name=served.name, platform=served.model.platform, signature=self._plane.signature)
        )

    def statistics(self, _: Request) -> Response:
        served = self._plane.served
        return json_response({"model_stats": [statistics(self._metrics, model=served.name, version=served.version)]})

    def index(self, request: Request) -> Response:
        requested = _object(request)
        only_ready = requested.get("ready", False)
        if not isinstance(only_ready, bool):
            raise InvalidInput("ready must be true or false")
        return json_response([asdict(entry) for entry in self._plane.repository_index(only_ready=only_ready)])

    async def load(self, request: Request) -> Response:
        if _object(request).get("parameters"):
            raise InvalidInput(
                "load takes no parameters: the model comes from the path that the server was started with"
            )
        await self._plane.load_model(self._plane.served.name)
        return Response(200)

    async def unload(self, request: Request) -> Response:
        _object(request)
        await self._plane.unload_model(self._plane.served.name)
        return Response(200)

    def metrics(self, _: Request) -> Response:
        served = self._plane.served
        body = expose(self._metrics, model=served.name, version=served.version, device=served.device)
        return Response(200, body, [("content-type", CONTENT_TYPE)])

    def drift(self, _: Request) -> Response:
        """Counts in the bins of the training data's profile, which whoever compares them has. They only grow while
        `instance` stays the same."""
        served, profile = self._plane.served, self._plane.served.profile
        content: dict[str, Any] = {
            "name": served.name,
            "version": served.version,
            "instance": self._metrics.instance,
            "profile": None if profile is None else profile.digest,
            "counts": None if profile is None else read_counters(self._metrics.rows(), profile),
        }
        if profile is None:
            content["reason"] = "no training profile: drift cannot be judged"
        return json_response(content)

    def openapi(self, request: Request) -> Response:
        return json_response(openapi(self._plane.served, address=address_of_proxy(request.headers)))

    def docs(self, _: Request) -> Response:
        return Response(200, _DOCS.read_bytes(), [("content-type", "text/html; charset=utf-8")])

    def health(self, _: Request) -> Response:
        served = self._plane.served
        is_ready = self._plane.server_ready()
        model = {"name": served.name, "version": served.version, "run_id": served.run_id}
        content = {"status": "healthy" if is_ready else "draining", "model": model}
        return json_response(content, status=200 if is_ready else STATUS[Kind.UNAVAILABLE])

    def version(self, _: Request) -> Response:
        """The server's, as plain text: what MLflow's client asks for."""
        return Response(200, self._plane.server_metadata().version.encode(), [("content-type", "text/plain")])

    def metadata(self, _: Request) -> Response:
        served = self._plane.served
        return json_response(
            {
                "model_name": served.name,
                "model_version": served.version,
                "run_id": served.run_id,
                "mlflow_uri": served.mlflow_uri,
                "device": served.device,
                "model_loaded": True,
            }
        )


def _object(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; an empty body is an empty one."""
    if not request.body.strip():
        return {}
    try:
        content = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInput("the body must be a JSON object")
    return content


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}
