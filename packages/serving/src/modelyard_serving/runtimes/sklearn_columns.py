"""Reads the input metadata of a fitted scikit-learn estimator: the text columns, and samples of the known texts. It
looks into pipelines and column transformers, and omits what is not certain."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

_MAX_TEXTS = 20
"""The most sample texts of a column."""
_INNER_ATTRIBUTES = (
    "best_estimator_",
    "regressor_",
    "estimators_",
    "calibrated_classifiers_",
    "estimator_",
    "estimator",
)
"""Attributes of a search, a transformed target, a voting or a calibrated estimator that hold the estimator of its input
rows."""


def takes_documents(estimator: Any) -> bool:
    """Whether its rows are texts, not numbers: its first step counts or hashes words."""
    return _counts_words(first_step(estimator))


def fitted_texts(estimator: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """The columns of texts among `names`, each with texts that the estimator knows."""
    return {column: texts for column, texts in _columns(first_step(estimator), list(names)) if texts}


def first_step(estimator: Any) -> Any:
    """The estimator that gets the input rows: the first step of a pipeline, the estimator of a search, the first of a
    voting estimator."""
    while (inner := _inner(estimator)) is not None:
        estimator = inner
    return estimator


def _inner(estimator: Any) -> Any:
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list):
        return next((step for _, step in steps if not isinstance(step, str | None)), None)
    for name in _INNER_ATTRIBUTES:
        inner = getattr(estimator, name, None)
        if isinstance(inner, list):
            inner = inner[0] if inner else None
        if inner is not None:
            return inner
    return None


def _columns(step: Any, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    if hasattr(step, "transformers_"):
        for _, part, selected in step.transformers_:
            if isinstance(selected, str) and takes_documents(part):
                yield selected, _words(first_step(part))
            else:
                yield from _columns(_encoder(part), _named(selected, names))
        return
    categories = getattr(step, "categories_", None)
    if isinstance(categories, list) and len(categories) == len(names):
        for name, values in zip(names, categories, strict=True):
            yield name, list(islice((value for value in values if isinstance(value, str)), _MAX_TEXTS))


def _encoder(part: Any) -> Any:
    """The step of a pipeline that has categories; a step before it, an imputer, keeps the columns."""
    steps = [step for _, step in part.steps] if isinstance(getattr(part, "steps", None), list) else [part]
    return next((step for step in steps if hasattr(step, "categories_")), None)


def _named(selected: Any, names: Sequence[str]) -> list[str]:
    if isinstance(selected, slice):
        return []
    columns = np.atleast_1d(np.asarray(selected, dtype=object)).tolist()
    if all(isinstance(column, bool) for column in columns) and len(columns) == len(names):
        return [name for name, is_selected in zip(names, columns, strict=True) if is_selected]
    return [names[column] if isinstance(column, int) else str(column) for column in columns]


def _counts_words(step: Any) -> bool:
    return hasattr(step, "build_analyzer")


def _words(step: Any) -> list[str]:
    vocabulary: Mapping[str, int] = getattr(step, "vocabulary_", None) or {"a": 0}
    return [" ".join(islice(vocabulary, _MAX_TEXTS))]
