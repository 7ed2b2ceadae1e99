"""Ray Serve: one replica behind its HTTP proxy, without an access log."""

import signal
import sys
from typing import Any

import predictor
import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request


class Model:
    """Rows in, predictions out."""

    def __init__(self) -> None:
        self.model = predictor.load()

    async def __call__(self, request: Request) -> dict[str, Any]:
        """The model's answer to each row."""
        sent = await request.json()
        return {"predictions": self.model(predictor.rows(sent["rows"])).tolist()}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])},
        logging_config=LoggingConfig(enable_access_log=False, log_level="WARNING"),
    )
    deployment = serve.deployment(num_replicas=1, max_ongoing_requests=100)(Model)
    serve.run(deployment.bind(), name="model", route_prefix="/predict")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()
