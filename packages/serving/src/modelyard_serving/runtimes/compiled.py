"""A graph that verified compilation accepted, with the description of its inputs and of the values that it must reject.

The graph replaces a native model: the same inputs, outputs and datatypes. What the native model rejects (a missing
value where it allows none, an infinity) is rejected here, because the graph would compute a wrong result.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from modelyard_serving.errors import InvalidInput, InvalidModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.runtimes.devices import CPU
from modelyard_serving.runtimes.preparation import STEPS, Preparation, prepared
from modelyard_serving.signature import InputKind, Signature, TensorSpec

GRAPH_FILE = "model.onnx"
DESCRIPTION_FILE = "graph.json"
REPORT_FILE = "report.json"
SCHEMA = "modelyard.graph/1"
MATRIX = "columns side by side"
"""The name of the graph's input where all columns of a frame are fed as one matrix."""
_BLOCK_BYTES = 512 * 1024
"""Of the matrix of one run, so that it, its columns and what the graph makes of it stay in a core's cache."""
_FEW_ROWS = 256
"""Below, putting columns end to end and turning them is faster than placing each beside the others."""
MISSING_TEXT = "\x00missing"
"""The text that represents a missing text in a graph; texts of requests do not contain a zero byte by chance."""
_ESCAPED_MISSING_TEXT = f"{MISSING_TEXT} but a text"
"""What a graph gets when a request contains that text."""

_INVALID_VALUE_MESSAGES = ("Unknown Category", "out of data bounds")
"""Parts of onnxruntime's errors for a value outside of an encoder's categories; also for a value that the graph itself
maps out of range."""


@dataclass(frozen=True, slots=True)
class GraphDescription:
    """What the server must know of a compiled graph besides the graph."""

    signature: Signature
    refuses_missing: tuple[str, ...] = ()
    """Inputs in which the native model takes no missing value."""
    refuses_infinite: tuple[str, ...] = ()
    missing_columns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """The columns of an input in which it takes none, where it takes some in others."""
    infinite_columns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    prepared_texts: Mapping[str, Preparation] = field(default_factory=dict)
    """What is done to the texts of an input before the graph reads them."""

    def to_json(self) -> bytes:
        document = {"schema": SCHEMA, **asdict(self)}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2)

    @classmethod
    def read(cls, path: Path) -> "GraphDescription":
        """Raises InvalidModel where the file is not what `to_json` writes."""
        try:
            document = orjson.loads(path.read_bytes())
            if document["schema"] != SCHEMA:
                raise InvalidModel(f"{path}: expected schema {SCHEMA!r}, got {document['schema']!r}")
            return cls(
                signature=_signature(document["signature"]),
                refuses_missing=tuple(document["refuses_missing"]),
                refuses_infinite=tuple(document["refuses_infinite"]),
                missing_columns=_column_indices(document.get("missing_columns", {})),
                infinite_columns=_column_indices(document.get("infinite_columns", {})),
                prepared_texts=_preparations(document.get("prepared_texts", {})),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise InvalidModel(f"{path} does not describe a compiled graph: {error!r}") from error


class CompiledModel:
    """One session in place of a native model. Thread-safe."""

    platform = "onnx_onnxv1"
    is_thread_safe = True
    known_texts: Mapping[str, Sequence[Any]] = MappingProxyType({})

    def __init__(self, session: Any, description: GraphDescription, *, device: str = CPU) -> None:
        self.signature = description.signature
        self.device = device
        self._session = session
        self._defaults = [spec.name for spec in self.signature.default_outputs]
        ranks = {node.name: len(node.shape) for node in session.get_inputs()}
        self._feed: _Feed = _Matrix(description) if set(ranks) == {MATRIX} else _Tensors(description, ranks)

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,  # noqa: ARG002  # A graph has none.
    ) -> Tensors:
        names = self._defaults if outputs is None else list(outputs)
        try:
            values = self._values(names, inputs)
        except Exception as error:  # onnxruntime's exceptions have no public base class.
            if any(part in str(error) for part in _INVALID_VALUE_MESSAGES):
                raise InvalidInput(
                    "the model refuses these values: one is of a category that it was not taught, or makes a number"
                    " that is not finite"
                ) from error
            if "InvalidArgument" in type(error).__name__:
                raise InvalidInput(f"the model refuses these values: {str(error).splitlines()[0]}") from error
            raise
        return dict(zip(names, values, strict=True))

    def _values(self, names: list[str], inputs: Tensors) -> list[npt.NDArray[Any]]:
        blocks = [self._session.run(names, feed) for feed in self._feed(inputs)]
        return blocks[0] if len(blocks) == 1 else [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def close(self) -> None:
        self._session = None


class _Matrix:
    """Feeds all columns of a frame as one matrix, built and checked in one step. Many rows are fed in blocks, each of
    which stays in a core's cache from the request's columns to the outputs; rows of a frame are independent."""

    def __init__(self, description: GraphDescription) -> None:
        self._specs = description.signature.inputs
        self._names = [spec.name for spec in self._specs]
        self._dtype = np.result_type(*(fed_dtype(spec) for spec in self._specs))
        self._refusals = _Refusals(description)
        self._is_strict = self._refusals.finite >= set(self._names)

    def __call__(self, inputs: Tensors) -> Iterator[dict[str, npt.NDArray[Any]]]:
        columns = [inputs[name] for name in self._names if name in inputs]
        if len(columns) != len(self._names) or any(column.dtype == object for column in columns):
            columns = [_numbers(inputs, spec) for spec in self._specs]
        size = max(1, _BLOCK_BYTES // (len(columns) * self._dtype.itemsize))
        if len(columns[0]) <= size:
            yield self._block(columns, inputs)
            return
        for start in range(0, len(columns[0]), size):
            yield self._block([column[start : start + size] for column in columns], inputs)

    def _block(self, columns: Sequence[npt.NDArray[Any]], inputs: Tensors) -> dict[str, npt.NDArray[Any]]:
        """Some rows of all columns. What is refused is looked for in all of the request's."""
        if len(columns[0]) < _FEW_ROWS:
            lines = np.concatenate(columns, dtype=self._dtype).reshape(len(columns), -1)
            rows = np.ascontiguousarray(lines.T)
        else:
            rows = np.stack([column.reshape(-1) for column in columns], axis=1, dtype=self._dtype)
        if not (self._is_strict and _all_finite(rows)):
            self._refusals.check(inputs)
        return {MATRIX: rows}


class _Tensors:
    """Feeds each input of the graph separately."""

    def __init__(self, description: GraphDescription, ranks: Mapping[str, int]) -> None:
        # A column that the model never reads is none of the graph's inputs.
        self._specs = [(spec, ranks[spec.name]) for spec in description.signature.inputs if spec.name in ranks]
        self._refusals = _Refusals(description)
        self._prepared = description.prepared_texts
        self._never_missing = set(description.refuses_missing)

    def __call__(self, inputs: Tensors) -> Iterator[dict[str, npt.NDArray[Any]]]:
        self._refusals.check(inputs)
        feed = {}
        for spec, rank in self._specs:
            if spec.datatype is not Datatype.BYTES:
                values = _numbers(inputs, spec)
            else:
                values = inputs[spec.name] if spec.name in self._never_missing else _texts(inputs, spec)
            if spec.name in self._prepared:
                values = prepared(values, self._prepared[spec.name])
            feed[spec.name] = values.reshape(-1, 1) if values.ndim == 1 and rank == 2 else values
        yield feed


_Feed = _Matrix | _Tensors


class _Refusals:
    """Rejects the values that the native model does not accept."""

    def __init__(self, description: GraphDescription) -> None:
        missing, infinite = set(description.refuses_missing), set(description.refuses_infinite)
        self.finite = missing & infinite
        """Inputs of which every number must be finite; one check covers them all."""
        self._missing = sorted(missing - infinite)
        self._infinite = sorted(infinite - missing)
        self._finite = sorted(self.finite)
        self._missing_columns = sorted(description.missing_columns.items())
        self._infinite_columns = sorted(description.infinite_columns.items())

    def check(self, inputs: Tensors) -> None:
        """Raises InvalidInput for the first value that the model does not take."""
        for name in self._finite:
            if name not in inputs or not _is_finite(inputs[name]):
                raise _invalid_value(name, "missing" if name not in inputs or _is_missing(inputs[name]) else "infinite")
        for name in self._missing:
            if name not in inputs or _is_missing(inputs[name]):
                raise _invalid_value(name, "missing")
        for name in self._infinite:
            if name in inputs and inputs[name].dtype.kind == "f" and np.isinf(inputs[name]).any():
                raise _invalid_value(name, "infinite")
        if self._missing_columns or self._infinite_columns:
            self._check_columns(inputs)

    def _check_columns(self, inputs: Tensors) -> None:
        for name, columns in self._missing_columns:
            if name not in inputs or np.isnan(_of(inputs[name], columns)).any():
                raise _invalid_value(name, "missing")
        for name, columns in self._infinite_columns:
            if name in inputs and np.isinf(_of(inputs[name], columns)).any():
                raise _invalid_value(name, "infinite")


def _of(values: npt.NDArray[Any], columns: tuple[int, ...]) -> npt.NDArray[Any]:
    return values.reshape(len(values), -1)[:, columns]


def _invalid_value(name: str, kind: str) -> InvalidInput:
    article = "an" if kind == "infinite" else "a"
    return InvalidInput(f"input {name!r} has {article} {kind} value, which the model does not take")


def fed_dtype(spec: TensorSpec) -> np.dtype[Any]:
    """The dtype in which a graph gets this input: whole numbers that may be missing come as doubles."""
    if spec.optional and spec.datatype.numpy_dtype.kind in "iu":
        return np.dtype(np.float64)
    return spec.datatype.numpy_dtype


def _numbers(inputs: Tensors, spec: TensorSpec) -> npt.NDArray[Any]:
    dtype = fed_dtype(spec)
    if spec.name not in inputs:
        return np.full(_rows(inputs), np.nan, dtype=dtype)
    values = inputs[spec.name]
    if values.dtype.kind == "O":
        values = np.array([np.nan if value is None else value for value in values])
    return values.astype(dtype, copy=False)


def _texts(inputs: Tensors, spec: TensorSpec) -> npt.NDArray[Any]:
    if spec.name not in inputs:
        return np.full(_rows(inputs), MISSING_TEXT, dtype=object)
    values = inputs[spec.name]
    texts = values.ravel().tolist()
    if None not in texts and MISSING_TEXT not in texts:
        return values
    escaped = np.empty(len(texts), dtype=object)
    escaped[:] = [
        MISSING_TEXT if value is None else _ESCAPED_MISSING_TEXT if value == MISSING_TEXT else value for value in texts
    ]
    return escaped.reshape(values.shape)


def _rows(inputs: Tensors) -> int:
    return len(next(iter(inputs.values())))


def _is_finite(values: npt.NDArray[Any]) -> bool:
    return _all_finite(values) if values.dtype.kind == "f" else not _is_missing(values)


def _all_finite(numbers: npt.NDArray[Any]) -> bool:
    """`np.isfinite(numbers).all()` in a third of its time for a row, and not slower for a thousand."""
    return 0 not in np.isfinite(numbers).tobytes("A")  # In the order of the memory, since any will do.


def _is_missing(values: npt.NDArray[Any]) -> bool:
    if values.dtype.kind == "O":
        return None in values.ravel().tolist()
    return values.dtype.kind == "f" and bool(np.isnan(values).any())


def _column_indices(document: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(map(int, columns)) for name, columns in document.items()}


def _preparations(document: Mapping[str, Any]) -> dict[str, Preparation]:
    escaped = {name: tuple(map(str, steps)) for name, steps in document.items()}
    for steps in escaped.values():
        if unknown := set(steps) - set(STEPS):
            raise ValueError(f"unknown preparations {sorted(unknown)}")
    return escaped


def _signature(document: Mapping[str, Any]) -> Signature:
    return Signature(
        inputs=tuple(_spec(spec) for spec in document["inputs"]),
        outputs=tuple(_spec(spec) for spec in document["outputs"]),
        kind=InputKind(document["kind"]),
        is_declared=bool(document["is_declared"]),
        params=dict(document["params"]),
    )


def _spec(document: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(
        name=document["name"],
        datatype=Datatype(document["datatype"]),
        shape=tuple(document["shape"]),
        optional=bool(document["optional"]),
        logical_type=document["logical_type"],
    )
