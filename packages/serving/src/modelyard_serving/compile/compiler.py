"""Verification: candidates are tried one after the other until one passes or none is left."""

import importlib.metadata
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.compile.distant import distant
from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate
from modelyard_serving.compile.known_values import known_values
from modelyard_serving.compile.refusals import Refusals, refusals
from modelyard_serving.compile.report import Report
from modelyard_serving.compile.rows import concatenate_rows, near_edges, sample_around
from modelyard_serving.compile.speed import Measure, measure
from modelyard_serving.compile.translate import Translator, translator
from modelyard_serving.compile.verify import Difference, count_accepted, reference_outputs
from modelyard_serving.errors import InvalidModel, MissingExtra
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.compiled import CompiledModel, GraphDescription
from modelyard_serving.runtimes.onnx import open_session
from modelyard_serving.signature import PROBABILITIES

_LIBRARIES = ("onnx", "onnxruntime", "skl2onnx", "onnxmltools", "numpy", "scikit-learn", "xgboost", "lightgbm", "torch")


@dataclass(frozen=True, slots=True)
class Compilation:
    """The report, and the graph where one was accepted."""

    report: Report
    graph: bytes | None = None
    description: GraphDescription | None = None


def compile_model(model: Model, example: Tensors, *, measure: Measure = measure) -> Compilation:
    """Translate a loaded model, and try the translation on rows around the example and far from it.

    Whatever a model, a converter or a graph does in a trial, it ends with a report.

    Args:
        example: rows that the model answers; at least one, better a few dozen of different kinds.
        measure: how the two models' times are taken.

    Raises:
        MissingExtra: a library is not installed that the trial needs.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # Of overflows far from the example, and of converters.
        try:
            return _compiled(model, example, measure)
        except MissingExtra:
            raise
        except Untranslatable as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  # A trial that breaks says of a translation only that there is none.
            reason = f"the trial broke: {type(error).__name__}: {first_line(error)}"
    return Compilation(Report(accepted=False, computes_in=None, reasons=(reason,)))


def _compiled(model: Model, example: Tensors, measure: Measure) -> Compilation:
    translate = translator(model)
    verification = _Verification(model, example, refusals(model, example), measure)
    reasons: list[str] = []
    last: Report | None = None
    for candidate in _candidates(translate, model):
        if isinstance(candidate, Untranslatable):
            reasons.append(str(candidate))
            continue
        compilation = verification.run(candidate, reasons)
        if compilation.report.accepted:
            return compilation
        last, reasons = compilation.report, list(compilation.report.reasons)
    return Compilation(last or Report(accepted=False, computes_in=None, reasons=tuple(reasons)))


def _candidates(translate: Translator, model: Model) -> Iterator[Candidate | Untranslatable]:
    try:
        yield from translate(model)
    except Untranslatable as error:
        yield error
    except Exception as error:  # noqa: BLE001  # A library's own export fails in its own words.
        yield Untranslatable(f"{type(error).__name__}: {first_line(error)}")


class _Verification:
    """One model with the rows on which its translations are tried, and its own answers to them."""

    def __init__(self, model: Model, example: Tensors, found: Refusals, measure: Measure) -> None:
        self._model = model
        self._measure = measure
        self._refusals = found
        self._names = [spec.name for spec in model.signature.outputs]
        known = known_values(model)
        around = sample_around(
            example, model.signature, texts=known.texts, missing=found.takes_missing(model.signature)
        )
        result = {"example": example, "sampled": around, **distant(example, model.signature, known)}
        self._parts = {part: reference_outputs(model, rows, self._names) for part, rows in result.items()}
        if not _count(self._parts["example"].rows):
            raise Untranslatable("the model does not answer its own example")
        basis = concatenate_rows([self._parts["sampled"].rows, self._parts["example"].rows])
        for row_index, (score, exact) in enumerate(((self._numbers, True), (self._labels, False))):
            edges = near_edges(basis, model.signature, score, exact=exact)
            if _count(edges):
                self._parts[("near splits", "near class boundaries")[row_index]] = reference_outputs(
                    model, edges, self._names
                )

    def run(self, candidate: Candidate, reasons: list[str]) -> Compilation:
        """Verify one candidate."""
        graph = candidate.graph.SerializeToString()
        description = GraphDescription(
            signature=self._model.signature,
            refuses_missing=self._refusals.missing,
            refuses_infinite=self._refusals.infinite,
            missing_columns=self._refusals.missing_columns,
            infinite_columns=self._refusals.infinite_columns,
            prepared_texts=candidate.prepared_texts,
        )
        difference = Difference()
        try:
            compiled = CompiledModel(open_session(graph), description)
            self._compare(compiled, difference)
        except (InvalidModel, Exception) as error:  # noqa: BLE001  # Whatever a graph does but answer is its failure.
            difference.reason = difference.reason or f"the graph fails: {first_line(error)}"
        speed = [] if difference.reason else self._measure(self._model, compiled, self._parts["example"].rows)
        reason = difference.reason or next(
            (f"not faster: {s.rows} rows take {s.ratio:.2f} times as long as compiled" for s in speed if s.ratio <= 1),
            None,
        )
        report = Report(
            accepted=reason is None,
            computes_in=candidate.name if reason is None else None,
            reasons=(*reasons, *([f"{candidate.name}: {reason}"] if reason else [])),
            rows=self._rows(),
            largest_difference=difference.largest,
            speed=speed,
            sizes={"graph": len(graph)},
            libraries=_libraries(),
        )
        return Compilation(report, graph, description) if reason is None else Compilation(report)

    def _compare(self, compiled: Model, difference: Difference) -> None:
        for part, reference in self._parts.items():
            if _count(reference.rows):
                difference.compare(reference.outputs, compiled.predict(reference.rows, outputs=self._names), among=part)
            accepted_wrongly = count_accepted(compiled, reference.refused) + count_accepted(
                compiled, reference.broken, broken=True
            )
            if accepted_wrongly:
                message = f"{accepted_wrongly} of the {part} rows are answered that the original refuses"
                difference.reason = difference.reason or message
            if difference.reason:
                return

    def _rows(self) -> dict[str, int]:
        counts = {part: _count(reference.rows) for part, reference in self._parts.items()}
        parts = self._parts.values()
        return counts | {"refused": sum(_count(reference.refused) + _count(reference.broken) for reference in parts)}

    def _numbers(self, rows: Tensors) -> npt.NDArray[Any]:
        """The answer as numbers that can be near each other: probabilities, or the prediction itself."""
        name = PROBABILITIES if PROBABILITIES in self._names else self._names[0]
        return self._scored(rows, name, lambda values: values if values.dtype.kind in "biuf" else self._codes(values))

    def _labels(self, rows: Tensors) -> npt.NDArray[Any]:
        return self._scored(
            rows,
            self._names[0],
            lambda values: np.zeros(len(values)) if values.dtype.kind == "f" else self._codes(values),
        )

    def _scored(self, rows: Tensors, name: str, score: Callable[[Any], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The score of each row's answer; NaN for a row that the model does not answer."""
        reference = reference_outputs(self._model, rows, [name])
        if not _count(reference.rows):
            return np.full(_count(rows), np.nan)
        scores = score(reference.outputs[name]).astype(np.float64)
        result = np.full((_count(rows), *scores.shape[1:]), np.nan)
        result[reference.row_indices] = scores
        return result

    @staticmethod
    def _codes(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Labels as numbers of which only equality counts: the same label has the same code at every call."""
        codes = [hash(value) % 1_000_003 for value in values.ravel().tolist()]
        return np.array(codes, dtype=np.float64).reshape(values.shape)


def _count(rows: Tensors) -> int:
    return len(next(iter(rows.values())))


def first_line(error: Exception) -> str:
    """The first line of an error, for the report."""
    return (str(error).strip().splitlines() or [""])[0][:300]


def _libraries() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
