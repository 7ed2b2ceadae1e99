"""The datatypes of the Open Inference Protocol and their NumPy twins. No other names."""

from enum import StrEnum

import numpy as np


class Datatype(StrEnum):
    """A tensor datatype of the protocol. BF16 has no NumPy twin: its bytes travel as `uint16`, unchanged."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BF16 = "BF16"
    BYTES = "BYTES"

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """Little-endian dtype of a tensor of this datatype; `object` (elements: `str` or `bytes`) for BYTES."""
        return _NUMPY[self]

    @property
    def size(self) -> int | None:
        """Bytes of one element on the wire; None where elements differ in size (BYTES)."""
        return None if self is Datatype.BYTES else _NUMPY[self].itemsize

    @classmethod
    def of(cls, dtype: np.dtype[np.generic]) -> "Datatype":
        """The datatype of a NumPy dtype. Raises KeyError for one that the protocol cannot carry (complex, datetime)."""
        return cls.BYTES if dtype.kind in "OSU" else _DATATYPES[dtype.newbyteorder("=")]


_NUMPY: dict[Datatype, np.dtype[np.generic]] = {
    Datatype.BOOL: np.dtype("?"),
    Datatype.UINT8: np.dtype("u1"),
    Datatype.UINT16: np.dtype("<u2"),
    Datatype.UINT32: np.dtype("<u4"),
    Datatype.UINT64: np.dtype("<u8"),
    Datatype.INT8: np.dtype("i1"),
    Datatype.INT16: np.dtype("<i2"),
    Datatype.INT32: np.dtype("<i4"),
    Datatype.INT64: np.dtype("<i8"),
    Datatype.FP16: np.dtype("<f2"),
    Datatype.FP32: np.dtype("<f4"),
    Datatype.FP64: np.dtype("<f8"),
    Datatype.BF16: np.dtype("<u2"),
    Datatype.BYTES: np.dtype(object),
}
_DATATYPES = {dtype: datatype for datatype, dtype in _NUMPY.items() if datatype not in (Datatype.BF16, Datatype.BYTES)}
