"""A skl2onnx converter of scikit-learn's vectorizers of texts, to be used in place of its own, which takes every letter
that is not ASCII for white space, weighs in float32, and changes case as the machine's locale does.

A graph splits a text into words and counts them; case, accents and white space are prepared in front of it, by the
server (`runtimes.preparation`). Weights and norms are computed in float64.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from modelyard_serving.compile.graph_builder import Builder
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder
from modelyard_serving.runtimes.preparation import Preparation

VECTORIZERS = (CountVectorizer, TfidfVectorizer)
_WORD = r"[\pL\pN_]"
"""What Python's `\\w` is in Unicode; that of onnxruntime's expressions is of ASCII only."""
_PATTERNS = {
    **dict.fromkeys((r"(?u)\b\w\w+\b", r"\b\w\w+\b", r"(?u)\w\w+", r"\w\w+"), f"{_WORD}{_WORD}+"),
    **dict.fromkeys((r"(?u)\b\w+\b", r"\b\w+\b", r"(?u)\w+", r"\w+"), f"{_WORD}+"),
}
_ACCENTS = {None: (), "unicode": ("strip_marks",), "ascii": ("to_ascii",)}
_FILLER = "\x00"
"""No word: what fills the rows of shorter texts."""


class TextVectorizers:
    """Converts the vectorizers of one model, and remembers what each wants done to the texts that it reads."""

    def __init__(self) -> None:
        self._requested: dict[str, list[Preparation]] = defaultdict(list)

    def convert(self, scope: Any, operator: Any, container: Any) -> None:
        """The converter."""
        model, build = operator.raw_operator, ContainerBuilder(scope, container)
        expression, preparation = _tokenization(model)
        if len(operator.inputs) != 1 or (preparation and not operator.inputs[0].is_root):
            raise NotImplementedError("a vectorizer of texts that another step makes has no translation")
        source = operator.inputs[0].full_name
        self._requested[source].append(preparation)
        flat = build.add("Reshape", [source, build.constant([-1], element_type=TensorProto.INT64)])
        build.add(
            "Identity",
            [_weighted(build, model, _token_counts(build, model, flat, expression))],
            operator.outputs[0].full_name,
        )

    def prepared(self, graph: onnx.GraphProto) -> Mapping[str, Preparation]:
        """What is to be done to the texts of each of the graph's inputs.

        Raises:
            NotImplementedError: two readers of the same texts want them differently.
        """
        readers = Counter(name for node in graph.node for name in node.input)
        for name, requested in self._requested.items():
            if any(requested) and (len(set(requested)) > 1 or readers[name] != len(requested)):
                raise NotImplementedError("texts that are read in different ways have no translation")
        return {name: requested[0] for name, requested in self._requested.items() if requested[0]}


def _tokenization(model: Any) -> tuple[str, Preparation]:
    """The expression that finds the parts of a text, and what is done to it before."""
    if model.tokenizer is not None or model.preprocessor is not None or model.strip_accents not in _ACCENTS:
        raise NotImplementedError("a vectorizer with functions of its own has no translation")
    steps = ("lowercase",) * bool(model.lowercase) + _ACCENTS[model.strip_accents]
    if model.analyzer == "char":
        return "(?s).", (*steps, "join_spaces")
    if model.analyzer != "word" or model.token_pattern not in _PATTERNS:
        raise NotImplementedError(f"a vectorizer of {model.analyzer!r} by {model.token_pattern!r} has no translation")
    if model.stop_words is not None and model.ngram_range[1] > 1:
        raise NotImplementedError(
            "a vectorizer of several words in a row, of which some are left out, has no translation"
        )
    return _PATTERNS[model.token_pattern], steps


def _token_counts(build: Builder, model: Any, source: str, expression: str) -> str:
    """How often each entry of the vocabulary stands in each text."""
    words = build.add(
        "Tokenizer", [source], domain="com.microsoft", mark=0, mincharnum=1, pad_value=_FILLER, tokenexp=expression
    )
    by_length: dict[int, list[tuple[list[str], int]]] = defaultdict(list)
    for entry, index in model.vocabulary_.items():
        parts = list(entry) if model.analyzer == "char" else entry.split(" ")
        by_length[len(parts)].append((parts, int(index)))
    pool: list[str] = []
    starts, indices = [], []
    for length in range(1, max(by_length) + 1):
        starts.append(len(pool))
        for parts, index in by_length[length]:
            pool += parts
            indices.append(index)
    counts = build.add(
        "TfIdfVectorizer",
        [words],
        mode="TF",
        min_gram_length=min(length for length, entries in by_length.items() if entries),
        max_gram_length=max(by_length),
        max_skip_count=0,
        ngram_counts=starts,
        ngram_indexes=indices,
        pool_strings=pool,
    )
    return build.double(counts)


def _weighted(build: Builder, model: Any, counts: str) -> str:
    zero, one = build.constant([0.0]), build.constant([1.0])
    if model.binary:
        counts = build.double(build.add("Greater", [counts, zero]))
    if not isinstance(model, TfidfVectorizer):
        return counts
    if model.sublinear_tf:
        is_there = build.add("Greater", [counts, zero])
        raised = build.add("Add", [build.add("Log", [build.add("Where", [is_there, counts, one])]), one])
        counts = build.add("Where", [is_there, raised, zero])
    if model.use_idf:
        counts = build.add("Mul", [counts, build.constant(np.asarray(model.idf_, dtype=np.float64).tolist())])
    if model.norm is None:
        return counts
    axis = build.constant([1], element_type=TensorProto.INT64)
    if model.norm == "l2":
        size = build.add("Sqrt", [build.add("ReduceSum", [build.add("Mul", [counts, counts]), axis], keepdims=1)])
    else:
        size = build.add("ReduceSum", [counts, axis], keepdims=1)
    return build.add("Div", [counts, build.add("Where", [build.add("Equal", [size, zero]), one, size])])


def _shape(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, len(operator.raw_operator.vocabulary_)])


CONVERTERS: Mapping[type, Callable[[Any, Any, Any], None]] = {}
"""None for all models: what is wanted of the texts is remembered for each."""
SHAPES: Mapping[type, Callable[[Any], None]] = dict.fromkeys(VECTORIZERS, _shape)
