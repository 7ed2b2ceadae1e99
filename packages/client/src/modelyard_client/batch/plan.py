"""Which columns of a file go to the model, which stay beside its predictions, and how many rows go at once. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from modelyard_client.errors import Invalid
from modelyard_client.prediction.schema import Schema

ROWS_OF_PART = 1 << 20
_REQUEST_BYTES = 16 * 1024 * 1024
"""Larger than those of single frames: nobody waits for the first row, and each request has its own cost."""
_MOST_ROWS = 1 << 17
_TEXT_BYTES = 32
"""What a text is taken for: how long texts are is known only after they are read."""
_TYPES: Mapping[str, pa.DataType] = {
    "BOOL": pa.bool_(),
    "UINT8": pa.uint8(),
    "UINT16": pa.uint16(),
    "UINT32": pa.uint32(),
    "UINT64": pa.uint64(),
    "INT8": pa.int8(),
    "INT16": pa.int16(),
    "INT32": pa.int32(),
    "INT64": pa.int64(),
    "FP16": pa.float32(),
    "FP32": pa.float32(),
    "FP64": pa.float64(),
    "BYTES": pa.string(),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """`sent` has the type of each column that the model declares; None for those of which it says nothing."""

    sent: Mapping[str, pa.DataType | None]
    kept: tuple[str, ...]

    @property
    def read(self) -> dict[str, pa.DataType | None]:
        """The columns to read. What is only kept stays the text that it is in CSV."""
        return {**dict.fromkeys(self.kept, pa.string()), **self.sent}

    @property
    def rows_of_request(self) -> int:
        """A power of two, so that parts are whole numbers of requests: as many rows as make some 16 MiB."""
        size = sum(_TEXT_BYTES if kind == pa.string() else 8 for kind in self.sent.values())
        return max(1, min(_MOST_ROWS, 1 << (_REQUEST_BYTES // max(size, 1)).bit_length() - 1))


def planned(names: Sequence[str], schema: Schema, *, kept: Collection[str] | None, dropped: Collection[str]) -> Plan:
    """What is done with the columns of a file.

    Args:
        kept: the columns that the output has too; None for those that do not go to the model.
        dropped: columns that do not go to the model although it might take them.

    Raises:
        Invalid: there is no such column, or none that the model takes.
    """
    for name in (*(kept or ()), *dropped):
        if name not in names:
            expected = ", ".join(map(repr, names))
            raise Invalid(f"there is no column {name!r}: expected {expected}", code="column_unknown", field=name)
    declared = {tensor.name: tensor.datatype for tensor in schema.inputs}
    candidates = [name for name in names if name not in dropped]
    if schema.is_array:
        withheld = set(kept or ()) if len(candidates) > schema.inputs[0].shape[-1] > 0 else set()
        datatype = schema.inputs[0].datatype
        sent = {name: _TYPES.get(datatype) for name in candidates if name not in withheld}
    else:
        sent = {name: _TYPES.get(declared.get(name, "")) for name in candidates if not declared or name in declared}
    if not sent:
        expected = ", ".join(map(repr, declared))
        raise Invalid(f"the file has no column that the model takes: expected {expected}", code="column_unknown")
    rest = [name for name in names if name not in sent and name not in dropped]
    return Plan(sent, tuple(rest if kept is None else [name for name in names if name in kept]))
