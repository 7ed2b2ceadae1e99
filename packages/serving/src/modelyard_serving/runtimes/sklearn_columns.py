"""What a fitted scikit-learn estimator itself knows of its inputs: which of them are texts, and some of the texts that
it was taught. It looks into pipelines and column transformers, and says nothing of what it does not know."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

_MAX_TEXTS = 20
"""Texts that are kept of a column: they are samples, not the whole of its categories."""
_INNER_ATTRIBUTES = (
    "best_estimator_",
    "regressor_",
    "estimators_",
    "calibrated_classifiers_",
    "estimator_",
    "estimator",
)
"""Attributes by which a search, a transformed target, a vote or a calibration holds what gets its rows as they come."""


def takes_documents(estimator: Any) -> bool:
    """Whether its rows are texts, not numbers: its first step counts or hashes words."""
    return _counts_words(first_step(estimator))


def fitted_texts(estimator: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """The columns of texts among `names`, each with texts that the estimator knows."""
    return {column: texts for column, texts in _columns(first_step(estimator), list(names)) if texts}


def first_step(estimator: Any) -> Any:
    """What gets the estimator's rows as they come: the first step of a pipeline, the estimator of a search, one of a
    vote."""
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
    """The step of a pipeline that knows categories; what is before it, an imputer, keeps the columns as they are."""
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
