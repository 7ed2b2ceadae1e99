"""ONNX graphs on ONNX Runtime: an `.onnx` file, or a folder of MLflow's onnx flavor.

A session runs on one thread unless the model's own options say otherwise: a server scales by its workers, and one
row is done before a second thread wakes up.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.errors import InvalidInput, InvalidModel, MissingExtra
from modelyard_serving.mlmodel import MlflowModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.compiled import DESCRIPTION_FILE, GRAPH_FILE, CompiledModel, GraphDescription
from modelyard_serving.runtimes.devices import CPU, check_session, onnx_providers
from modelyard_serving.runtimes.results import as_tensor
from modelyard_serving.signature import InputKind, Signature, TensorSpec

_DATATYPES = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(string)": Datatype.BYTES,
}
_MAP_OUTPUTS = {"seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))"}
"""ZipMap, which older converters of classifiers put at the end: one map from label to probability for each row."""


class OnnxModel:
    """One session. `run` is thread-safe, and releases the interpreter's lock."""

    platform = "onnx_onnxv1"
    is_thread_safe = True
    known_texts: Mapping[str, Sequence[Any]] = MappingProxyType({})

    def __init__(self, session: Any, *, signature: Signature, feed: "Feed", device: str = CPU) -> None:
        self.signature = signature
        self.device = device
        self._session = session
        self._feed = feed
        self._defaults = [spec.name for spec in signature.default_outputs]

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,  # noqa: ARG002  # A graph has none.
    ) -> Tensors:
        names = self._defaults if outputs is None else list(outputs)
        try:
            values = self._session.run(names, self._feed(inputs))
        except Exception as error:
            if type(error).__name__ == "InvalidArgument":  # onnxruntime's own class; it is not public by import.
                raise InvalidInput(f"the graph refuses these inputs: {str(error).splitlines()[0]}") from error
            raise
        return {name: _tensor(value) for name, value in zip(names, values, strict=True)}

    def close(self) -> None:
        self._session = None


class Feed:
    """From a request's tensors to a graph's inputs.

    A graph with one input and a signature of columns gets the columns side by side, as MLflow feeds it; otherwise
    each input has its own tensor, a column as `[n, 1]` where the graph wants two dimensions.
    """

    def __init__(self, nodes: Sequence[Any], *, signature: Signature) -> None:
        self._nodes = {node.name: (_datatype(node).numpy_dtype, len(node.shape)) for node in nodes}
        self._columns: Sequence[TensorSpec] = ()
        if signature.kind is InputKind.FRAME and len(nodes) == 1 and nodes[0].name not in _names(signature.inputs):
            self._columns = signature.inputs

    def __call__(self, inputs: Tensors) -> dict[str, npt.NDArray[Any]]:
        if self._columns:
            ((name, (dtype, _)),) = self._nodes.items()
            return {name: np.stack([_numbers(inputs, spec, dtype) for spec in self._columns], axis=1)}
        return {name: _shaped(inputs[name], dtype, rank) for name, (dtype, rank) in self._nodes.items()}


class OnnxRuntime:
    """Reads a graph with ONNX Runtime, for a device."""

    name = "onnx"
    extra = "onnx"

    def __init__(self, device: str = CPU) -> None:
        self._device = device

    def load(self, path: Path) -> Model:
        if (path / DESCRIPTION_FILE).is_file():
            session = open_session(path / GRAPH_FILE, device=self._device)
            return CompiledModel(session, GraphDescription.read(path / DESCRIPTION_FILE), device=device_of(session))
        model = MlflowModel.read(path) if path.is_dir() else None
        if model is None:
            session = open_session(path, device=self._device)
            nodes = session.get_inputs()
            signature = Signature(inputs=_specs(nodes), outputs=_specs(session.get_outputs()))
        else:
            flavor = model.flavor("onnx")
            options = flavor.get("onnx_session_options") or {}
            session = open_session(model.file(flavor.get("data")), options=options, device=self._device)
            nodes = session.get_inputs()
            signature = _folder_signature(session, model)
        feed = Feed(nodes, signature=signature)
        return OnnxModel(session, signature=signature, feed=feed, device=device_of(session))


def open_session(graph: Path | bytes, *, options: Mapping[str, Any] | None = None, device: str = CPU) -> Any:
    """An `onnxruntime.InferenceSession`.

    Args:
        graph: its file, or its bytes.
        options: as MLflow's `onnx_session_options`: `intra_op_num_threads`, `inter_op_num_threads` (both 1 if not
            given), `execution_mode`, `graph_optimization_level`, `extra_session_config`.
        device: as of `devices`.

    Raises:
        MissingExtra: onnxruntime is not installed.
        InvalidModel: the file is no graph that it can run, or it has no such device here.
    """
    try:
        import onnxruntime  # noqa: PLC0415  # Loaded only where a graph is served.
    except ImportError as error:
        raise MissingExtra(extra="onnx", needed_for="an ONNX model") from error
    wanted = onnx_providers(device, onnxruntime.get_available_providers())
    try:
        session_options = _session_options(onnxruntime, options or {})
        source = graph if isinstance(graph, bytes) else str(graph)
        session = onnxruntime.InferenceSession(source, session_options, providers=wanted.providers)
    except Exception as error:  # Its exceptions share no public base class.
        name = "the graph" if isinstance(graph, bytes) else graph
        raise InvalidModel(f"{name} is not an ONNX model that onnxruntime can run: {error}") from error
    check_session(session, wanted)
    return session


def device_of(session: Any) -> str:
    """The device on which a session computes."""
    options = session.get_provider_options().get("CUDAExecutionProvider")
    return CPU if options is None else f"cuda:{options.get('device_id', '0')}"


def _session_options(onnxruntime: Any, options: Mapping[str, Any]) -> Any:
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options.get("intra_op_num_threads") or 1
    session_options.inter_op_num_threads = options.get("inter_op_num_threads") or 1
    session_options.log_severity_level = 4  # What fails is raised; it need not be printed as well.
    if mode := options.get("execution_mode"):
        session_options.execution_mode = getattr(onnxruntime.ExecutionMode, f"ORT_{mode.upper()}")
    if level := options.get("graph_optimization_level"):
        session_options.graph_optimization_level = onnxruntime.GraphOptimizationLevel(level)
    for key, value in (options.get("extra_session_config") or {}).items():
        session_options.add_session_config_entry(key, value)
    return session_options


def _folder_signature(session: Any, model: MlflowModel) -> Signature:
    """Columns as MLflow declares them; tensors and outputs as the graph names them, for there every name is known."""
    outputs = _specs(session.get_outputs())
    declared = model.signature.signature if model.signature else None
    if declared is not None and declared.is_declared and declared.kind is InputKind.FRAME:
        return Signature(inputs=declared.inputs, outputs=outputs, kind=InputKind.FRAME, params=declared.params)
    return Signature(inputs=_specs(session.get_inputs()), outputs=outputs)


def _specs(nodes: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(node.name, _datatype(node), _shape(node)) for node in nodes)


def _datatype(node: Any) -> Datatype:
    if node.type in _MAP_OUTPUTS:
        return Datatype.FP32
    if node.type not in _DATATYPES:
        raise InvalidModel(f"the graph's {node.name!r} is a {node.type}, which the protocol cannot carry")
    return _DATATYPES[node.type]


def _shape(node: Any) -> tuple[int, ...]:
    if node.type in _MAP_OUTPUTS:
        return (-1, -1)
    return tuple(size if isinstance(size, int) else -1 for size in node.shape)


def _shaped(values: npt.NDArray[Any], dtype: np.dtype[Any], rank: int) -> npt.NDArray[Any]:
    if values.ndim == 1 and rank == 2:
        values = values.reshape(-1, 1)
    return values.astype(dtype, copy=False)


def _tensor(value: Any) -> npt.NDArray[Any]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([list(row.values()) for row in value], dtype=np.float32)
    return as_tensor(value)


def _numbers(inputs: Tensors, spec: TensorSpec, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """A column as the graph takes it: a missing number is NaN, which only floats can represent."""
    if spec.name not in inputs:
        values = np.full(len(next(iter(inputs.values()))), None, dtype=object)
    else:
        values = inputs[spec.name]
    if values.dtype.kind == "O" and dtype.kind == "f":
        values = np.array([np.nan if value is None else value for value in values], dtype=dtype)
    elif values.dtype.kind == "O" and None in values.tolist():
        raise InvalidInput(f"column {spec.name!r} has a missing value, which the graph's {dtype} cannot represent")
    return values.astype(dtype, copy=False)


def _names(specs: Sequence[TensorSpec]) -> list[str]:
    return [spec.name for spec in specs]
