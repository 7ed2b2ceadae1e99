"""The verbs of the data plane in one class, without a transport: HTTP and gRPC convert, and call these. All methods are
called on the event loop's thread of one worker process."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving import __version__
from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.execution.executor import Call, Executor
from modelyard_serving.protocol.contract import Contract
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, InferResponse, Tensor
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.signature import Signature, TensorSpec

SERVER_NAME = "modelyard-serving"
EXTENSIONS = ("binary_tensor_data", "model_configuration", "schedule_policy", "parameters")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model with the names under which it is known."""

    model: Model
    name: str
    version: str
    run_id: str | None = None
    mlflow_uri: str | None = None


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class DataPlane:
    """One model, ready to answer."""

    def __init__(self, served: ServedModel, executor: Executor) -> None:
        self.served = served
        self._model = served.model
        self._executor = executor
        self._contract = Contract(served.model.signature)
        self._datatypes = {spec.name: spec.datatype for spec in served.model.signature.outputs}
        self._default_outputs = [spec.name for spec in served.model.signature.default_outputs]
        self._is_ready = True

    @property
    def signature(self) -> Signature:
        return self._model.signature

    def server_live(self) -> bool:
        return True

    def server_ready(self) -> bool:
        return self._is_ready

    def leave(self) -> None:
        """Be not ready from now on, and go on answering: the lame-duck window has begun."""
        self._is_ready = False

    def server_metadata(self) -> ServerMetadata:
        return ServerMetadata(SERVER_NAME, __version__, EXTENSIONS)

    def model_ready(self, name: str, version: str | None = None) -> bool:
        self.check_name(name, version)
        return self._is_ready

    def model_metadata(self, name: str, version: str | None = None) -> ModelMetadata:
        self.check_name(name, version)
        signature = self._model.signature
        return ModelMetadata(
            name=self.served.name,
            versions=(self.served.version,),
            platform=self._model.platform,
            inputs=signature.inputs,
            outputs=signature.outputs,
        )

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

    def infer(
        self, request: InferRequest, *, deadline: float | None = None
    ) -> "InferResponse | asyncio.Future[InferResponse]":
        """The answer of the protocol's `infer`, at once when the model is short, else a future of it.

        Args:
            request: for the model whose name and version the transport has checked by `check_name`.
            deadline: a time of the loop's clock after which the caller no longer waits.

        Raises:
            InvalidInput: the request is not what the model's signature says.
            ServingError: busy, out of time, or of kind INTERNAL when the model fails (the cause goes to the log).
        """
        inputs = self._contract.check(request)
        wanted = None if request.outputs is None else [output.name for output in request.outputs]
        result = self.predict(inputs, outputs=wanted, parameters=request.parameters, deadline=deadline)
        if isinstance(result, asyncio.Future):
            return asyncio.ensure_future(self._respond_later(result, request, wanted))
        return self._respond(result, request, wanted)

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> "Tensors | asyncio.Future[Tensors]":
        """The model's outputs by name, for inputs that were checked already, at once or as a future.

        Raises:
            InvalidInput: the model itself refuses the values.
            ServingError: busy, out of time, or of kind INTERNAL when the model fails (the cause goes to the log).
        """
        rows = max((array.shape[0] for array in inputs.values() if array.shape), default=1)
        call = Call(
            function=partial(self._call_model, inputs, outputs, parameters, rows == 0), rows=rows, deadline=deadline
        )
        return self._executor.run(call)

    async def _respond_later(
        self, result: "asyncio.Future[Tensors]", request: InferRequest, wanted: list[str] | None
    ) -> InferResponse:
        return self._respond(await result, request, wanted)

    def _call_model(
        self,
        inputs: Tensors,
        outputs: Sequence[str] | None,
        parameters: Mapping[str, Any] | None,
        is_empty: bool,  # noqa: FBT001  # Bound by position in `partial`.
    ) -> Tensors:
        try:
            return self._model.predict(inputs, outputs=outputs, parameters=parameters)
        except ServingError:
            raise
        except Exception as error:
            if is_empty:
                raise InvalidInput("the model does not take an empty batch: send at least one row") from error
            _log.exception("model %s failed to predict", self.served.name)
            raise ServingError("the model failed to predict; its log says why", kind=Kind.INTERNAL) from error

    def _respond(self, result: Tensors, request: InferRequest, wanted: list[str] | None) -> InferResponse:
        names = wanted if wanted is not None else (self._default_outputs or list(result))
        outputs = [self._output(name, result) for name in names]
        return InferResponse(self.served.name, self.served.version, outputs, request.id)

    def _output(self, name: str, result: Tensors) -> Tensor:
        array = result.get(name)
        if array is None:
            _log.error("model %s gave no output %r, only %s", self.served.name, name, list(result))
            raise ServingError("the model gave an answer without all of its outputs", kind=Kind.INTERNAL)
        datatype = self._datatypes.get(name)
        if datatype is None or (datatype.numpy_dtype != array.dtype and datatype is not Datatype.BYTES):
            datatype, array = _carried(name, array)
        return Tensor(name, datatype, array if array.flags.c_contiguous else np.ascontiguousarray(array))


def _carried(name: str, array: npt.NDArray[Any]) -> tuple[Datatype, npt.NDArray[Any]]:
    """The array as the protocol can carry it: dates as ISO 8601 strings, other byte orders turned."""
    if array.dtype.kind == "M":
        array = np.datetime_as_string(array).astype(object)
    elif array.dtype.kind == "m":
        array = array.astype(str).astype(object)
    try:
        datatype = Datatype.of(array.dtype)
    except KeyError:
        _log.error("output %r has dtype %s, which the protocol cannot carry", name, array.dtype)
        raise ServingError(f"output {name!r} has a type that the protocol cannot carry", kind=Kind.INTERNAL) from None
    return datatype, array.astype(datatype.numpy_dtype, copy=False)


def warm_up(served: ServedModel, example: Tensors | None, *, observe: Any, rounds: int = 5) -> None:
    """Predict the example a few times, so that the first caller meets a warm model and the pace is known."""
    if example is None:
        return
    rows = max((array.shape[0] for array in example.values() if array.shape), default=1)
    for _ in range(rounds):
        started = time.perf_counter()
        served.model.predict(example)
        observe(rows=rows, seconds=time.perf_counter() - started)
