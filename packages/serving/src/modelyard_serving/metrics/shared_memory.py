"""The shared memory of the metrics: one row of numbers for each worker. Each worker adds to its own row only, so there
is no lock and no lost update; a row outlives its worker, and the next worker continues it."""

import mmap
import os
import secrets
import tempfile
from collections.abc import Sequence

from modelyard_serving.metrics.cells import CELLS, GAUGES, IS_USED, Row

MAX_ROWS = 512
_CELL_BYTES = 8
_CELLS_SIZE = MAX_ROWS * CELLS * _CELL_BYTES
_INSTANCE_BYTES = 16
_SIZE = _CELLS_SIZE + _INSTANCE_BYTES


class SharedMetrics:
    """All rows, mapped into this process."""

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, _SIZE)
        self._cells = memoryview(self._memory)[:_CELLS_SIZE].cast("d")

    @property
    def instance(self) -> str:
        """Names this server from its start to its end: counters that another one counts are not these."""
        return self._memory[_CELLS_SIZE:_SIZE].hex()

    def row(self, index: int) -> Row:
        """The cells of one row, to be read and written."""
        return self._cells[index * CELLS : (index + 1) * CELLS]

    def rows(self) -> Sequence[Row]:
        """The rows that were ever written."""
        return [self.row(index) for index, is_used in enumerate(self._cells[IS_USED::CELLS]) if is_used]

    def total(self, cell: int) -> float:
        """The sum of one cell over all rows."""
        return float(sum(row[cell] for row in self.rows()))

    def totals(self, start: int, end: int) -> list[float]:
        """The sums of some cells over all rows."""
        rows = self.rows()
        return [float(sum(row[cell] for row in rows)) for cell in range(start, end)]

    def clear_gauges(self, index: int) -> None:
        """Reset the gauges of a worker that has ended."""
        row = self.row(index)
        for cell in GAUGES:
            row[cell] = 0.0


def make_metrics_file() -> int:
    """An inheritable anonymous file of the size of the shared metrics; unwritten pages take no space."""
    with tempfile.TemporaryFile() as file:
        file.truncate(_CELLS_SIZE)
        file.seek(_CELLS_SIZE)
        file.write(secrets.token_bytes(_INSTANCE_BYTES))
        file.flush()
        number = os.dup(file.fileno())
    os.set_inheritable(number, True)  # noqa: FBT003  # The os module takes it by position.
    return number
