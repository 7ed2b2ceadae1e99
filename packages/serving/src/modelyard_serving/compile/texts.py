"""Variations of the texts that a model knows: other cases, accents and punctuation, parts of words, and texts that are
no words."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from modelyard_serving.runtimes.compiled import MISSING_TEXT

EDGE_CASE_TEXTS = (
    MISSING_TEXT, "", " ", "nan", "None", "a", "A", "I", "é", "ß", "0", "-1", "1.5", "True", "\t\n", "\x00", "x_1",
    "a text that was never seen", "don't", "don\u2019t", "e-mail", "naïve CAFÉ", "ﬁn", "ǅ", "İI", "ΣΑΣ", "日本語", "🙂",
    "e\u0301", "٣٤", "a\u00adb", "a\u200db", "a\u00a0b", "₂²½", "a.b,c;d", "\uff21\uff22",
)  # fmt: skip
"""Always tried."""


def mutated_texts(texts: Sequence[str], random: np.random.Generator, count: int) -> list[str]:
    """`count` texts, each one of these with one mutation, or two of them joined."""
    if not texts:
        return []
    first, second = random.integers(0, len(texts), (2, count))
    mutations = random.permutation(count)
    return [
        _mutate(texts[one], texts[other], int(mutation))
        for one, other, mutation in zip(first, second, mutations, strict=True)
    ]


def _mutate(text: str, other: str, mutation: int) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    changed = (
        text.upper(), text.lower(), text.title(), text.swapcase(), text[:1], text[1:], text[:-1], f"{text}s",
        f" {text} ", f"{text}é", f"é{text}", f"{text[:2]}é{text[2:]}", f"{text[:2]} {text[2:]}",
        f"{text[:2]}\u2019{text[2:]}", decomposed, f"({text})!", text[::-1], text + other,
        "".join(letter for letter in decomposed if not unicodedata.combining(letter)),
        f"{text} {other}", f"{text}.{other}", f"{text}_{other}", f"{text}-{other}", f"{text}\n{other}",
        f"{text}\u00a0{other}", f"{text} {text} {other}", f"{other.upper()} {text}",
    )  # fmt: skip
    return changed[mutation % len(changed)]
