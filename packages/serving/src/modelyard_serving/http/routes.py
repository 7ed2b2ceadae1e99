"""Every path of a model server with its methods."""

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.http.app import App
from modelyard_serving.http.codecs import InferCodec, PredictCodec
from modelyard_serving.http.describe import Describer
from modelyard_serving.http.exchange import Handler
from modelyard_serving.inference import Inference
from modelyard_serving.metrics.shared_memory import SharedMetrics


def build_app(
    plane: DataPlane,
    *,
    metrics: SharedMetrics,
    max_body_bytes: int,
    request_timeout_s: float | None = None,
) -> App:
    """The application of one model."""
    describe = Describer(plane, metrics)
    infer = Inference(plane, InferCodec(plane), request_timeout_s=request_timeout_s)
    predict = Inference(plane, PredictCodec(plane), request_timeout_s=request_timeout_s)
    routes: dict[str, dict[str, Handler]] = {
        "/v2": {"GET": describe.server},
        "/v2/health/live": {"GET": describe.live},
        "/v2/health/ready": {"GET": describe.ready},
        "/v2/models": {"GET": describe.models},
        "/v2/models/stats": {"GET": describe.statistics},
        "/v2/repository/index": {"POST": describe.index},
        "/docs": {"GET": describe.docs},
        "/openapi.json": {"GET": describe.openapi},
        "/health": {"GET": describe.health},
        "/ping": {"GET": describe.health},
        "/version": {"GET": describe.version},
        "/metadata": {"GET": describe.metadata},
        "/metrics": {"GET": describe.metrics},
        "/drift": {"GET": describe.drift},
        "/predict": {"POST": predict.handle},
        "/invocations": {"POST": predict.handle},
    }
    served = plane.served
    repository, model = f"/v2/repository/models/{served.name}", f"/v2/models/{served.name}"
    routes[f"{repository}/load"] = {"POST": describe.load}
    routes[f"{repository}/unload"] = {"POST": describe.unload}
    for prefix in (model, f"{model}/versions/{served.version}"):
        routes[prefix] = {"GET": describe.model}
        routes[f"{prefix}/ready"] = {"GET": describe.model_ready}
        routes[f"{prefix}/config"] = {"GET": describe.config}
        routes[f"{prefix}/stats"] = {"GET": describe.statistics}
        routes[f"{prefix}/infer"] = {"POST": infer.handle}
    return App(routes, plane=plane, max_body_bytes=max_body_bytes)
