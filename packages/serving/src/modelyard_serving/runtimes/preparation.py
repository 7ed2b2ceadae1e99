"""Text preprocessing in front of a graph, because a graph does it by the machine's locale or not at all: lower case,
accents and white space, as in scikit-learn's vectorizers."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Preparation = tuple[str, ...]
"""The names of steps, in their order."""

_SPACES = re.compile(r"\s\s+")


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _as_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


STEPS: Mapping[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "strip_marks": _without_marks,
    "to_ascii": _as_ascii,
    "join_spaces": lambda text: _SPACES.sub(" ", text),
}


def prepared(texts: npt.NDArray[Any], preparation: Preparation) -> npt.NDArray[Any]:
    """The texts after each of the steps."""
    values = texts.ravel().tolist()
    for step in preparation:
        values = [STEPS[step](value) for value in values]
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result.reshape(texts.shape)
