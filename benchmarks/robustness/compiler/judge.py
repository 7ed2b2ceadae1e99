"""Two models on the same rows: the same labels, numbers within the stated tolerance, the same refusals."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelyard_serving.compile.rows import select_rows
from modelyard_serving.compile.verify import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE
from modelyard_serving.errors import InvalidInput
from modelyard_serving.runtimes.base import Model, Tensors

Answer = Tensors | Exception


def differences(original: Model, compiled: Model, rows: Tensors) -> list[str]:
    """Each row to which the two do not say the same, in words."""
    names = [spec.name for spec in original.signature.outputs]
    found = []
    for row, (alone, got) in enumerate(zip(_answers(original, rows), _answers(compiled, rows), strict=True)):
        is_broken = isinstance(alone, Exception) and not isinstance(alone, InvalidInput)
        expected = (_beside(original, rows, row, names) if is_broken else None) or alone
        if not _is_same(expected, got, names):
            reported = {name: values[row].tolist() if values.ndim > 1 else values[row] for name, values in rows.items()}
            found.append(f"{reported}: {_words(expected)} natively, {_words(got)} compiled")
    return found


def _answers(model: Model, rows: Tensors) -> list[Answer]:
    """Of each row by itself; together are asked those that are all answered."""
    names = [spec.name for spec in model.signature.outputs]
    count = len(next(iter(rows.values())))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            outputs = model.predict(rows, outputs=names)
        except Exception as error:  # noqa: BLE001  # What is raised is what is compared.
            if count == 1:
                return [error]
            halves = (select_rows(rows, slice(0, count // 2)), select_rows(rows, slice(count // 2, count)))
            return [answer for half in halves for answer in _answers(model, half)]
    return [{name: outputs[name][row : row + 1] for name in names} for row in range(count)]


def _beside(model: Model, rows: Tensors, row: int, names: Sequence[str]) -> Tensors | None:
    """What it says to a row that breaks it alone, asked with others: a frame's column of nothing but missing texts is
    none of texts for pandas, and for the model."""
    for other in range(0, len(next(iter(rows.values()))), 20):
        try:
            outputs = model.predict(select_rows(rows, [other, row]), outputs=names)
        except Exception:  # noqa: BLE001  # The other row's fault, or its own.
            continue
        return {name: outputs[name][1:] for name in names}
    return None


def _is_same(expected: Answer, got: Answer, names: Sequence[str]) -> bool:
    """A row that breaks the original has no answer: compiled it must have none either, and may well be refused."""
    if isinstance(expected, Exception):
        return isinstance(got, InvalidInput) if isinstance(expected, InvalidInput) else isinstance(got, Exception)
    if isinstance(got, Exception):
        return False
    return all(_is_equal(np.asarray(expected[name]), np.asarray(got[name])) for name in names)


def _is_equal(right: Any, left: Any) -> bool:
    if right.shape != left.shape or right.dtype != left.dtype:
        return False
    if right.dtype.kind != "f":
        return bool((right == left).all())
    with np.errstate(all="ignore"):
        is_near = np.abs(left - right) <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * np.abs(right)
    return bool(((left == right) | (np.isfinite(right) & is_near) | (np.isnan(left) & np.isnan(right))).all())


def _words(answer: Answer) -> str:
    if isinstance(answer, Exception):
        return f"{type(answer).__name__}: {str(answer)[:120]}"
    return str({name: np.asarray(values).ravel()[:6].tolist() for name, values in answer.items()})
