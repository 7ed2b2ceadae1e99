"""The `data` of a JSON tensor as a NumPy array: a fast path for what JSON carries exactly, and an exact path for the
rest (null, "NaN", 3.0 for an integer), which names the first invalid element. It never wraps or truncates."""

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import simdjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype

Shape = tuple[int, ...]


class _ElementError(Exception):
    """An element is not what its datatype needs."""


_ARRAYS = frozenset({simdjson.Array, list})
_NAMED_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_NOT_IN_JSON = (Datatype.FP16, Datatype.BF16)
_KINDS: dict[str, tuple[Literal["d", "i", "u"], np.dtype[Any]]] = {
    "f": ("d", np.dtype("f8")),
    "i": ("i", np.dtype("i8")),
    "u": ("u", np.dtype("u8")),
}
_BUFFERS = {
    datatype: (*_KINDS[datatype.numpy_dtype.kind], datatype.numpy_dtype)
    for datatype in Datatype
    if datatype.numpy_dtype.kind in _KINDS and datatype not in _NOT_IN_JSON
}
"""Of a datatype of numbers: what the parser's buffer is asked for, its dtype, and the datatype's own."""


def elements(data: Any, *, datatype: Datatype, shape: Shape, name: str, is_base64: bool = False) -> npt.NDArray[Any]:
    """The array of one tensor's `data`, a list (simdjson's or Python's own) that is flat or nested as `shape` says.

    A null among integers or booleans makes an object array with None there, for a frame's column whose values may be
    missing; `RequestValidator` checks whether they may.

    Whether an innermost list hides another one is not seen here: it is known by `arrays_in`, or by `check_leaves`.

    Raises:
        InvalidInput: the count, the nesting or an element does not fit; FP16 and BF16, which JSON cannot carry.
    """
    if datatype in _NOT_IN_JSON:
        raise InvalidInput(f"input {name!r} is {datatype}, which JSON cannot carry: send it as a binary tensor")
    if not isinstance(data, (simdjson.Array, list)):
        raise InvalidInput(f"input {name!r}: data must be a list, not {describe_value(data)}")
    count = math.prod(shape)
    is_nested = _check_nesting(data, shape=shape, count=count, name=name)
    array = buffered(data, datatype) if isinstance(data, simdjson.Array) else None
    if array is None:
        depth = len(shape) if is_nested else 1
        array = _exact(data, datatype=datatype, depth=depth, name=name, is_base64=is_base64)
    if array.size != count:
        raise InvalidInput(f"input {name!r}: shape {list(shape)} needs {count} elements, but data has {array.size}")
    try:
        return array.reshape(shape)
    except ValueError as error:
        raise InvalidInput(f"input {name!r}: shape {list(shape)} is too large") from error


def buffered(data: simdjson.Array, datatype: Datatype) -> npt.NDArray[Any] | None:
    """The numbers of an array, flat, from the parser's buffer; None when one of them needs the exact path."""
    numbers = _BUFFERS.get(datatype)
    if numbers is None:
        return None
    kind, wide, dtype = numbers
    try:
        array = np.frombuffer(data.as_buffer(of_type=kind), wide)
    except (TypeError, ValueError):
        return None
    if dtype is wide:
        return array
    if dtype.kind == "f":
        return _narrow_floats(array, dtype)
    limits = np.iinfo(dtype)  # type: ignore[type-var]  # Its kind was seen to be an integer's.
    fits = array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max)
    return array.astype(dtype) if fits else None


def _narrow_floats(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
    try:
        with np.errstate(over="raise"):
            return array.astype(dtype)
    except FloatingPointError:
        return None


def arrays_in(data: Any, shape: Shape) -> int:
    """How many JSON arrays the data of a tensor is made of, itself among them, when no element hides another."""
    if len(data) == 0 or not isinstance(data[0], (simdjson.Array, list)):
        return 1
    total = lists = 1
    for dimension in shape[:-1]:
        lists *= dimension
        total += lists
    return total


def check_leaves(data: Any, shape: Shape, *, name: str) -> None:
    """Look at every element: the parser's buffer flattens whatever is nested, and would hide it.

    Raises:
        InvalidInput: an element of the innermost lists is a list.
    """
    level = [data]
    if len(data) and isinstance(data[0], (simdjson.Array, list)):
        for _ in shape[1:]:
            level = [part for whole in level for part in whole]
    if any(isinstance(element, (simdjson.Array, list)) for innermost in level for element in innermost):
        raise InvalidInput(f"input {name!r}: data is neither flat nor nested as its shape {list(shape)} says")


def _check_nesting(data: Any, *, shape: Shape, count: int, name: str) -> bool:
    """Data is flat, or nested exactly as the shape says. Returns whether it is nested."""
    length = len(data)
    if length == 0 or not isinstance(data[0], (simdjson.Array, list)):
        if length != count:
            raise InvalidInput(f"input {name!r}: shape {list(shape)} needs {count} elements, but data has {length}")
        return False
    if not _is_nested_as(data, shape):
        raise InvalidInput(f"input {name!r}: data is neither flat nor nested as its shape {list(shape)} says")
    return True


def _is_nested_as(data: Any, shape: Shape) -> bool:
    if not shape or len(data) != shape[0]:
        return False
    if len(shape) == 1:
        return len(data) == 0 or not isinstance(data[0], (simdjson.Array, list))
    if len(shape) == 2:
        rows = list(data)  # The types and lengths of a thousand rows in two steps instead of a thousand.
        return _ARRAYS.issuperset(map(type, rows)) and {shape[1]}.issuperset(map(len, rows))
    return all(isinstance(part, (simdjson.Array, list)) and _is_nested_as(part, shape[1:]) for part in data)


def _exact(data: Any, *, datatype: Datatype, depth: int, name: str, is_base64: bool) -> npt.NDArray[Any]:
    """Each element by itself, to the last digit."""
    plain = data if isinstance(data, list) else data.as_list()
    for _ in range(depth - 1):
        plain = [element for part in plain for element in part]
    convert = _from_base64 if is_base64 and datatype is Datatype.BYTES else _converter(datatype)
    may_miss = datatype.numpy_dtype.kind in "iub"
    array = np.empty(len(plain), dtype=object if may_miss and None in plain else datatype.numpy_dtype)
    for index, element in enumerate(plain):
        try:
            array[index] = None if may_miss and element is None else convert(element)
        except _ElementError:
            raise element_error(name, index, datatype, element) from None
    return array


def element_error(name: str, index: int, datatype: Datatype, element: Any) -> InvalidInput:
    """The error of an element that does not fit its datatype."""
    return InvalidInput(f"input {name!r}: element {index} must be {_expected(datatype)}, not {describe_value(element)}")


def _converter(datatype: Datatype) -> Callable[[Any], Any]:
    kind = datatype.numpy_dtype.kind
    if kind == "O":
        return _string
    if kind == "b":
        return _boolean
    if kind == "f":
        return _float_within(float(np.finfo(datatype.numpy_dtype).max))  # type: ignore[type-var]  # It is a float's.
    limits = np.iinfo(datatype.numpy_dtype)  # type: ignore[type-var]  # Its kind is an integer's.
    return _integer_within(int(limits.min), int(limits.max))


def _string(element: Any) -> str | None:
    if element is None or isinstance(element, str):
        return element
    raise _ElementError


def _from_base64(element: Any) -> bytes | str | None:
    if element is None:
        return None
    if not isinstance(element, str):
        raise _ElementError
    try:
        return text_or_bytes(base64.b64decode(element, validate=True))
    except binascii.Error as error:
        raise _ElementError from error


def text_or_bytes(content: bytes) -> str | bytes:
    """A BYTES element as a model sees it: a string where it is UTF-8, else the bytes themselves."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _boolean(element: Any) -> bool:
    if isinstance(element, bool):
        return element
    if isinstance(element, int) and element in (0, 1):
        return bool(element)
    raise _ElementError


_INFINITIES = (math.inf, -math.inf)


def _float_within(largest: float) -> Callable[[Any], float]:
    def convert(element: Any) -> float:
        if element is None:
            return math.nan
        if isinstance(element, str) and element in _NAMED_FLOATS:
            return _NAMED_FLOATS[element]
        if isinstance(element, bool) or not isinstance(element, (int, float)):
            raise _ElementError
        if abs(element) > largest and element not in _INFINITIES:
            raise _ElementError
        return float(element)

    return convert


def _integer_within(least: int, most: int) -> Callable[[Any], int]:
    def convert(element: Any) -> int:
        if isinstance(element, bool) or not isinstance(element, (int, float)):
            raise _ElementError
        if not least <= element <= most or element != int(element):
            raise _ElementError
        return int(element)

    return convert


def _expected(datatype: Datatype) -> str:
    kind = datatype.numpy_dtype.kind
    if kind == "O":
        return "a string"
    if kind == "b":
        return "true or false"
    if kind == "f":
        return f"a number that fits {datatype}"
    limits = np.iinfo(datatype.numpy_dtype)  # type: ignore[type-var]  # Its kind is an integer's.
    return f"a whole number from {limits.min} to {limits.max} ({datatype})"


def describe_value(value: Any) -> str:
    """A short form of a value for error messages, in JSON's terms."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, simdjson.Object)):
        return "an object"
    if isinstance(value, (list, simdjson.Array)):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
