"""How many rows go in one request."""

import pandas as pd

_BYTES = 4 * 1024 * 1024
_SAMPLE = 100
_MOST_ROWS = 500_000


def rows_of(frame: pd.DataFrame, limit: int | None) -> int:
    """As many as make some 4 MiB, by the first rows, unless a number is given."""
    if limit is not None:
        return limit
    sample = frame.head(_SAMPLE)
    size = sample.memory_usage(index=False, deep=True).sum() / max(len(sample), 1)
    return max(1, min(_MOST_ROWS, int(_BYTES / max(size, 1))))


def split(frame: pd.DataFrame, rows: int) -> list[pd.DataFrame]:
    """The frame in pieces of so many rows; nothing is copied."""
    return [frame.iloc[start : start + rows] for start in range(0, len(frame), rows)]
