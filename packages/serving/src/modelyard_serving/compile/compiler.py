"""The trial: candidates one after the other, until one of them has proved itself or there is none left."""

import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate
from modelyard_serving.compile.refusals import Refusals, refusals
from modelyard_serving.compile.report import Report
from modelyard_serving.compile.rows import near_edges, sampled
from modelyard_serving.compile.speed import Measure, measure
from modelyard_serving.compile.translate import Translator, known_texts, translator
from modelyard_serving.compile.verify import Answers, Difference, original_answers, unrefused
from modelyard_serving.errors import InvalidModel
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
    """Translate a loaded model, and try the translation on rows around the example.

    Args:
        example: rows that the model answers; at least one, better a few dozen of different kinds.
        measure: how the two models' times are taken.
    """
    try:
        translate = translator(model)
        trial = _Trial(model, example, refusals(model, example), measure)
    except Untranslatable as error:
        return Compilation(Report(accepted=False, computes_in=None, reasons=(str(error),)))
    reasons: list[str] = []
    last: Report | None = None
    for candidate in _candidates(translate, model):
        if isinstance(candidate, Untranslatable):
            reasons.append(str(candidate))
            continue
        compilation = trial.run(candidate, reasons)
        if compilation.report.accepted:
            return compilation
        last, reasons = compilation.report, list(compilation.report.reasons)
    return Compilation(last or Report(accepted=False, computes_in=None, reasons=tuple(reasons)))


def _candidates(translate: Translator, model: Model) -> Iterator[Candidate | Untranslatable]:
    try:
        yield from translate(model)
    except Untranslatable as error:
        yield error


class _Trial:
    """One model with the rows on which its translations are tried, and its own answers to them."""

    def __init__(self, model: Model, example: Tensors, found: Refusals, measure: Measure) -> None:
        self._model = model
        self._measure = measure
        self._refusals = found
        self._names = [spec.name for spec in model.signature.outputs]
        around = sampled(
            example, model.signature, texts=known_texts(model), missing=found.takes_missing(model.signature)
        )
        self._parts: dict[str, Answers] = {}
        for part, rows in (("example", example), ("sampled", around)):
            if answers := original_answers(model, rows, self._names):
                self._parts[part] = answers
        if "example" not in self._parts:
            raise Untranslatable("the model does not answer its own example")
        basis = self._parts.get("sampled", self._parts["example"]).rows
        for place, (score, exact) in enumerate(((self._numbers, True), (self._labels, False))):
            edges = near_edges(basis, model.signature, score, exact=exact)
            if len(next(iter(edges.values()))) and (answers := original_answers(model, edges, self._names)):
                self._parts[("near splits", "near class boundaries")[place]] = answers

    def run(self, candidate: Candidate, reasons: list[str]) -> Compilation:
        """Whether the candidate proves itself."""
        graph = candidate.graph.SerializeToString()
        description = GraphDescription(
            signature=self._model.signature,
            refuses_missing=self._refusals.missing,
            refuses_infinite=self._refusals.infinite,
            missing_columns=self._refusals.missing_columns,
            infinite_columns=self._refusals.infinite_columns,
        )
        difference = Difference()
        try:
            compiled = CompiledModel(open_session(graph), description)
            self._compare(compiled, difference)
        except (InvalidModel, Exception) as error:  # noqa: BLE001  # Whatever a graph does but answer is its failure.
            difference.reason = difference.reason or f"the graph fails: {str(error).splitlines()[0][:300]}"
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
        for part, answers in self._parts.items():
            difference.compare(answers.outputs, compiled.predict(answers.rows, outputs=self._names), among=part)
            if wrongly := unrefused(compiled, answers.refused):
                difference.reason = difference.reason or f"{wrongly} rows are answered that the original refuses"

    def _rows(self) -> dict[str, int]:
        counts = {part: _count(answers.rows) for part, answers in self._parts.items()}
        return counts | {"refused": sum(_count(answers.refused) for answers in self._parts.values())}

    def _numbers(self, rows: Tensors) -> npt.NDArray[Any]:
        """The answer as numbers that can be near each other: probabilities, or the prediction itself."""
        name = PROBABILITIES if PROBABILITIES in self._names else self._names[0]
        values = self._model.predict(rows, outputs=[name])[name]
        return values.astype(np.float64) if values.dtype.kind in "biuf" else self._codes(values)

    def _labels(self, rows: Tensors) -> npt.NDArray[Any]:
        values = self._model.predict(rows, outputs=self._names[:1])[self._names[0]]
        return self._codes(values) if values.dtype.kind != "f" else np.zeros(len(values))

    @staticmethod
    def _codes(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Labels as numbers of which only equality counts: the same label has the same code at every call."""
        codes = [hash(value) % 1_000_003 for value in values.ravel().tolist()]
        return np.array(codes, dtype=np.float64).reshape(values.shape)


def _count(rows: Tensors) -> int:
    return len(next(iter(rows.values())))


def _libraries() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
