"""What a nested column of Arrow takes as Python objects, where a text that a dictionary holds once becomes one for each
time that it is meant. It knows lists, structs, texts, numbers, booleans and times, and refuses what shares its bytes in
other ways."""

from typing import Any

from modelyard_serving.errors import InvalidInput
from modelyard_serving.frames.arrow_sizes import Size


def size_as_objects(array: Any, pyarrow: Any) -> Size:
    """The values inside of an array, and the bytes of all texts of its dictionaries, each as often as it is meant.

    Raises:
        InvalidInput: a type inside that no model takes.
    """
    types, kind = pyarrow.types, array.type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inside = size_as_objects(array.values, pyarrow)
        return Size(len(array) + inside.cells, inside.unpacked_bytes)
    if types.is_struct(kind):
        parts = [size_as_objects(array.field(index), pyarrow) for index in range(kind.num_fields)]
        return Size(len(array) + sum(part.cells for part in parts), sum(part.unpacked_bytes for part in parts))
    if types.is_dictionary(kind) and _is_text(kind.value_type, types):
        compute = pyarrow.compute
        lengths = compute.binary_length(array.dictionary).cast(pyarrow.int64())
        return Size(len(array), int(compute.sum(lengths.take(array.indices)).as_py() or 0))
    if _is_text(kind, types) or types.is_primitive(kind) or types.is_null(kind) or types.is_decimal(kind):
        return Size(len(array), 0)
    raise InvalidInput(f"the type {kind} inside of a column is no input of a model")


def _is_text(kind: Any, types: Any) -> bool:
    return bool(
        types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
    )
