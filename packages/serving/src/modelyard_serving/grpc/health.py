"""`grpc.health.v1` of one worker: what probes ask once, and what balancers watch. It holds no status of its own."""

from collections.abc import AsyncIterator, Sequence

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.calls import Context
from modelyard_serving.grpc.http2.limits import Signal
from modelyard_serving.grpc.messages import parse_message
from modelyard_serving.protocol.proto import health_pb2 as health

HEALTH = "grpc.health.v1.Health"
_SERVING = health.HealthCheckResponse.ServingStatus


class Health:
    """Readiness of the server; all of its services share it."""

    def __init__(self, plane: DataPlane, services: Sequence[str]) -> None:
        self._plane = plane
        self._known = ("", *services)
        self._changed = Signal()
        self._is_finished = False
        plane.on_readiness = self._changed.set

    def check(self, request: health.HealthCheckRequest) -> health.HealthCheckResponse:
        """The status now.

        Raises:
            ServingError: of kind NOT_FOUND for a service that is not here.
        """
        if request.service not in self._known:
            raise ServingError(f"there is no service {request.service!r}", kind=Kind.NOT_FOUND)
        return self._status(request.service)

    async def watch(self, messages: AsyncIterator[bytes], _: Context) -> AsyncIterator[bytes]:
        """The status now and at every change, until the client or the server ends it."""
        async for message in messages:
            service = parse_message(health.HealthCheckRequest, message).service
            sent = None
            while True:
                status = self._status(service)
                if status != sent:
                    sent = status
                    yield status.SerializeToString()
                elif self._is_finished:
                    raise ServingError("the server is stopping: watch the next one", kind=Kind.UNAVAILABLE)
                else:
                    await self._changed.wait()

    def end_streams(self) -> None:
        """End all watches, which have no end of their own."""
        self._is_finished = True
        self._changed.set()

    def _status(self, service: str) -> health.HealthCheckResponse:
        if service not in self._known:
            return health.HealthCheckResponse(status=_SERVING.SERVICE_UNKNOWN)
        is_ready = self._plane.server_ready()
        return health.HealthCheckResponse(status=_SERVING.SERVING if is_ready else _SERVING.NOT_SERVING)
