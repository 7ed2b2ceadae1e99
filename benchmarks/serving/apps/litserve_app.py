"""LitServe with its own API class, one worker."""

import sys
from typing import Any

import litserve
import predictor


class Api(litserve.LitAPI):  # type: ignore[misc]  # Not installed here: it has an environment of its own.
    """Rows in, predictions out."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe's interface.
        """Load the model."""
        self.model = predictor.load()

    def decode_request(self, request: dict[str, Any]) -> Any:
        """The rows of a request."""
        return predictor.rows(request["rows"])

    def predict(self, x: Any) -> Any:
        """The model's answer."""
        return self.model(x)

    def encode_response(self, output: Any) -> dict[str, Any]:
        """The answer's JSON."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
