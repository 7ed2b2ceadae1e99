"""Spoils valid requests: bytes anywhere, and values where a parser expects others. All chance comes from the caller."""

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

RAW = (
    *("NaN", "Infinity", "-Infinity", "-0", "01", "1e400", "1e-400", "+1", ".5", "5.", "0x10", "nul", "tru", "'a'"),
    *("18446744073709551616", "-9223372036854775809", "9" * 400, '"\\ud800"', '"\\u0000"', '"\\x"', '"a', "{,}"),
    *('{"a":1,"a":2}', "[,]", "[1,]", "/**/1", "[" * 900 + "]" * 900, "[" * 2000, '{"a":' * 1100 + "1" + "}" * 1100),
)
"""Texts that stand in a document as they are; most of them are no JSON."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 127, 128, 300, 2**31, 2**53 + 1, 2**62, 2**63, 2**64, 0.5, -2.5, 1e39, 1e308),
    *("", "x", "n", "s", "FP32", "FLOAT", "BF16", "INT64", "BYTES", "base64", "a" * 3000, "\ud7ff", "\U0001f600", "\0"),
    *([], {}, [[]], [{}], [None], [1, [2]], {"a": {}}, ["a", 1], [1] * 50, [[1.0, 2.0, 3.0]] * 3, "2026-02-30", "AA=="),
)
DIMENSIONS: tuple[Any, ...] = (
    0,
    1,
    2,
    3,
    -1,
    2**15,
    2**31,
    2**32,
    2**60,
    2**62,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    1.0,
    1.5,
    "2",
    None,
    [],
)
RANKS: tuple[list[int], ...] = ([1] * 33, [1] * 100, [1] * 900, [2**62] * 20_000)
"""Shapes of more dimensions than any tensor has."""
_MARK = "\ue000"


def spoilt_bytes(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, taken out, put in, repeated or cut off."""
    spoilt = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(spoilt) + 1)
        match chance.randrange(6):
            case 0 if place < len(spoilt):
                spoilt[place] = chance.randrange(256)
            case 1:
                del spoilt[place : place + chance.randint(1, 8)]
            case 2:
                spoilt[place:place] = chance.randbytes(chance.randint(1, 8))
            case 3:
                spoilt[place:place] = spoilt[place : place + chance.randint(1, 30)]
            case 4 if chance.random() < 0.2:
                del spoilt[place:]
            case _ if place < len(spoilt):
                spoilt[place] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def spoilt_document(document: Any, chance: random.Random) -> bytes:
    """A JSON text of the document with a few of its values changed; now and then spoilt as bytes as well."""
    changed = json.loads(json.dumps(document))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        changed = _changed(changed, chance)
    text = json.dumps(changed)
    while (begin := text.find(f'"{json.dumps(_MARK)[1:-1]}')) >= 0:
        end = text.index('"', begin + 1) + 1
        text = text[:begin] + RAW[int(text[begin + 7 : end - 1])] + text[end:]
    data = text.encode("utf-8", "surrogatepass")
    return spoilt_bytes(data, chance) if chance.random() < 0.15 else data


def _changed(document: Any, chance: random.Random) -> Any:
    places = list(_places(document))
    if not places:
        return copy.deepcopy(chance.choice(VALUES))
    parent, key = chance.choice(places)
    match chance.randrange(8):
        case 0:
            del parent[key]
        case 1:
            parent[key] = f"{_MARK}{chance.randrange(len(RAW))}"
        case 2 if isinstance(parent, dict):
            parent[f"{key}{chance.choice(('', '_', ' ', 's'))}x"] = parent.pop(key)
        case 3 if isinstance(parent, list):
            parent.insert(chance.randrange(len(parent) + 1), parent[key])
        case 4 if key == "shape":
            parent[key] = spoilt_shape(chance, DIMENSIONS)
        case 5:
            other, place = chance.choice(places)
            parent[key] = copy.deepcopy(other[place])
        case _:
            parent[key] = copy.deepcopy(chance.choice(VALUES))
    return document


def spoilt_shape(chance: random.Random, dimensions: Sequence[Any]) -> list[Any]:
    """A few of these dimensions, or far too many."""
    if chance.random() < 0.1:
        return list(chance.choice(RANKS))
    return [chance.choice(dimensions) for _ in range(chance.randrange(5))]


def _places(node: Any) -> Any:
    """Every value inside of the document, as its parent and its key."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from _places(value)
