"""The verbs of the data plane in one class, without a transport: HTTP and gRPC convert, and call these. All methods are
called on the event loop's thread of one worker process."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from modelyard_serving.batching.batch_executor import BatchCall
from modelyard_serving.drift.counters import DriftCounters
from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.execution.executor import Call, Executor, Prediction
from modelyard_serving.execution.future import Future
from modelyard_serving.execution.schedule import schedule_of
from modelyard_serving.metadata import IndexEntry, ModelMetadata, ServedModel, ServerMetadata
from modelyard_serving.metrics.recorder import Recorder
from modelyard_serving.missing_values import find_missing_value
from modelyard_serving.observers import Observer
from modelyard_serving.protocol.messages import InferRequest, InferResponse
from modelyard_serving.protocol.request_validator import RequestValidator
from modelyard_serving.protocol.response_builder import ResponseBuilder
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature

_log = logging.getLogger(__name__)


class Repository(Protocol):
    """Loads and unloads the server's model in all of its workers."""

    async def load(self) -> None:
        """Load the model from disk in every worker; each serves the previous one until then.

        Raises:
            ServingError: a worker could not load it, and keeps the previous model.
        """

    async def unload(self) -> None:
        """Unload the model in every worker. No effect when none is loaded."""


class DataPlane:
    """One served model."""

    def __init__(
        self,
        served: ServedModel,
        *,
        executor: Executor,
        recorder: Recorder,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.recorder = recorder
        self.observers = observers
        self.drift: DriftCounters | None = None
        """None for a model without a profile of its training data."""
        self.repository: Repository | None = None
        """None where loading and unloading are not allowed."""
        self.on_readiness: Callable[[], None] = _ignore_change
        """Called when the server may have become ready, or not ready any more."""
        self._is_draining = False
        self._install(served, executor)

    def _install(self, served: ServedModel, executor: Executor) -> None:
        if self.drift is not None:
            self.drift.close()
        self.served = served
        names = [spec.name for spec in served.model.signature.inputs]
        self.drift = (
            None if served.profile is None else DriftCounters(served.profile, self.recorder.cells, inputs=names)
        )
        self._model = served.model
        self._executor = executor
        self._validator = RequestValidator(served.model.signature)
        self._response_builder = ResponseBuilder(served.name, served.version, served.model.signature)
        self._is_loaded = True
        self.on_readiness()

    def replace(self, served: ServedModel, executor: Executor) -> None:
        """Serve another model from now on. The previous one finishes its queued calls and is closed.

        Raises:
            ServingError: it has another name or version, which a server does not change while it runs.
        """
        if (served.name, served.version) != (self.served.name, self.served.version):
            served.model.close()
            raise ServingError(
                f"the path now has model {served.name!r} in version {served.version!r}: start the server anew for it",
                kind=Kind.INVALID,
            )
        self.unload()
        self._install(served, executor)

    def unload(self) -> None:
        """Unload the model: not ready, and every request is rejected until one is loaded again."""
        if self._is_loaded:
            self._is_loaded = False
            self.on_readiness()
            self._executor.close(self._model.close)

    @property
    def queued(self) -> int:
        """Requests that wait for the model."""
        return self._executor.queued

    @property
    def signature(self) -> Signature:
        return self._model.signature

    def server_live(self) -> bool:
        return True

    def server_ready(self) -> bool:
        return self._is_loaded and not self._is_draining

    def begin_drain(self) -> None:
        """Report not ready from now on and keep serving: the lame-duck period begins."""
        self._is_draining = True
        self.on_readiness()

    def server_metadata(self) -> ServerMetadata:
        return ServerMetadata()

    def model_ready(self, name: str, version: str | None = None) -> bool:
        self.check_name(name, version)
        return self.server_ready()

    def model_metadata(self, name: str, version: str | None = None) -> ModelMetadata:
        self.check_name(name, version)
        return ModelMetadata.of(self.served)

    def repository_index(self, *, only_ready: bool = False) -> Sequence[IndexEntry]:
        """The models of this server, all or those that are ready."""
        if self.server_ready():
            return [IndexEntry(self.served.name, self.served.version, "READY")]
        reason = "the server is stopping" if self._is_loaded else "unloaded"
        return [] if only_ready else [IndexEntry(self.served.name, self.served.version, "UNAVAILABLE", reason)]

    async def load_model(self, name: str) -> None:
        """Load the model anew from its path, in every worker.

        Raises:
            ServingError: of kind NOT_FOUND or FORBIDDEN, or the model could not be loaded.
        """
        await self._controlled_repository(name).load()

    async def unload_model(self, name: str) -> None:
        """Unload the model in every worker.

        Raises:
            ServingError: of kind NOT_FOUND or FORBIDDEN.
        """
        await self._controlled_repository(name).unload()

    def _controlled_repository(self, name: str) -> Repository:
        self.check_name(name, None)
        if self.repository is None:
            raise ServingError(
                "loading and unloading are not allowed: start the server with --allow-repository-control",
                kind=Kind.FORBIDDEN,
            )
        return self.repository

    def check_name(self, name: str, version: str | None) -> None:
        """Raises:
        ServingError: of kind NOT_FOUND, when this server has no such model or version.
        """
        if name != self.served.name:
            raise ServingError(f"there is no model {name!r}: this server has {self.served.name!r}", kind=Kind.NOT_FOUND)
        if version and version != self.served.version:
            raise ServingError(
                f"model {name!r} has no version {version!r}: this server has {self.served.version!r}",
                kind=Kind.NOT_FOUND,
            )

    def check(self, request: InferRequest) -> Tensors:
        """The request's inputs, if they are what the model's signature says.

        Raises:
            InvalidInput: names the tensor, what was expected and what came.
        """
        return self._validator.check(request)

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Prediction[Tensors] | Future[Prediction[Tensors]]:
        """The model's outputs for checked inputs: directly when the prediction is short, else as a future.

        Args:
            timeout_s: how long the caller waits at most; the parameter `timeout` may shorten it.

        Raises:
            InvalidInput: the model itself refuses the values.
            ServingError: busy, out of time, or of kind INTERNAL when the model fails; its cause is for the log.
        """
        if not self._is_loaded:
            raise ServingError(f"model {self.served.name!r} is unloaded", kind=Kind.UNAVAILABLE)
        rows = _rows(inputs)
        schedule = schedule_of(parameters, timeout_s)
        executor = self._executor
        is_short = executor.may_run_inline(rows)
        if is_short and not executor.should_batch(rows):
            return self._predict_now(inputs, outputs, parameters, rows)
        function = BatchCall(self._call_model, inputs, outputs, parameters)
        batch_key = function.key() if executor.supports_batching else None
        call: Call[Tensors] = Call(function=function, rows=rows, schedule=schedule, batch_key=batch_key)
        return executor.submit_to_batch(call) if is_short else executor.submit(call)

    def _predict_now(
        self, inputs: Tensors, outputs: Sequence[str] | None, parameters: Mapping[str, Any] | None, rows: int
    ) -> Prediction[Tensors]:
        started = time.perf_counter()
        try:
            result = self._call_model(inputs, outputs, parameters)
        finally:
            seconds = time.perf_counter() - started
            self._executor.record_call(rows=rows, seconds=seconds)
        return Prediction(result, 0.0, seconds)

    def build_response(self, prediction: Prediction[Tensors], request: InferRequest) -> InferResponse:
        """The protocol's response, from the model's outputs."""
        return self._response_builder.build(prediction.outputs, request)

    def _call_model(
        self, inputs: Tensors, outputs: Sequence[str] | None, parameters: Mapping[str, Any] | None
    ) -> Tensors:
        try:
            return self._model.predict(inputs, outputs=outputs, parameters=parameters)
        except ServingError:
            raise
        except Exception as error:
            if (explanation := find_missing_value(inputs)) is not None:
                _log.warning(
                    "the model failed on a request, answered as invalid input: %s", explanation, exc_info=error
                )
                raise InvalidInput(explanation) from error
            raise ServingError("the model failed to predict", kind=Kind.INTERNAL) from error


def _rows(inputs: Tensors) -> int:
    """The first dimension of the first tensor that has one."""
    for array in inputs.values():
        if array.shape:
            return int(array.shape[0])
    return 1


def _ignore_change() -> None:
    """The default listener."""
