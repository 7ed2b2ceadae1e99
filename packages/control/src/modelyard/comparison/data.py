"""The data of versions side by side: which of it is the same, and whether their figures are of the same data. Pure.

MLflow leaves the word for what a dataset is for to the script, so the usual words for one purpose are read as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelyard.registry.domain import Dataset, Version

UNSPECIFIED = "unspecified"
"""The purpose of data of which nobody said what it was for."""
_PURPOSES = {
    "train": "training",
    "fit": "training",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "testing": "test",
    "holdout": "test",
    "eval": "evaluation",
}
_EVALUATING = ("validation", "test", "evaluation")


class DataVerdict(StrEnum):
    """Whether the versions used the same data for one purpose."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """Some version names none, or names a place only, where other data may be by now."""


@dataclass(frozen=True, slots=True)
class DataRow:
    """The data for one purpose over the versions, in their order; None where a version names none."""

    purpose: str
    values: tuple[tuple[Dataset, ...] | None, ...]

    @property
    def verdict(self) -> DataVerdict:
        """By the digests: a name says nothing about the content. Without one, another place is other data."""
        if None in self.values:
            return DataVerdict.UNKNOWN
        states = {frozenset(dataset.digest or dataset.source for dataset in value or ()) for value in self.values}
        if len(states) > 1:
            return DataVerdict.DIFFERENT
        is_sure = all(dataset.digest for value in self.values for dataset in value or ())
        return DataVerdict.SAME if is_sure else DataVerdict.UNKNOWN

    @property
    def texts(self) -> tuple[str | None, ...]:
        """For people: names with their digests."""
        return tuple(None if value is None else ", ".join(map(_text, value)) for value in self.values)

    @property
    def is_evaluating(self) -> bool:
        """Whether the metrics are of this data."""
        return self.purpose in _EVALUATING


def data_rows(versions: Sequence[Version]) -> tuple[DataRow, ...]:
    """One row for each purpose that any of the versions names."""
    datasets = [_by_purpose(version.datasets or ()) for version in versions]
    purposes = sorted({purpose for one in datasets for purpose in one})
    return tuple(DataRow(purpose, tuple(one.get(purpose) for one in datasets)) for purpose in purposes)


def evaluated_apart(rows: Sequence[DataRow], versions: Sequence[Version]) -> str | None:
    """Why the figures of these versions cannot be compared: they are of different data; None when that is not known."""
    apart = [row for row in rows if row.is_evaluating and row.verdict is DataVerdict.DIFFERENT]
    if not apart:
        return None
    return "the versions were evaluated on different data: " + "; ".join(_describe(row, versions) for row in apart)


def data_reasons(rows: Sequence[DataRow], versions: Sequence[Version]) -> tuple[str, ...]:
    """What one should know of the data besides: other data than that of the evaluation, and what nobody recorded."""
    different = [
        f"different data ({row.purpose}): {_describe(row, versions)}"
        for row in rows
        if not row.is_evaluating and row.verdict is DataVerdict.DIFFERENT
    ]
    unsure = [
        f"only some versions recorded their {row.purpose} data, so the figures may be of different data"
        if None in row.values
        else f"nobody recorded the digest of the {row.purpose} data, so the figures may be of different data"
        for row in rows
        if row.is_evaluating and row.verdict is DataVerdict.UNKNOWN
    ]
    return (*different, *unsure)


def _by_purpose(datasets: Sequence[Dataset]) -> Mapping[str, tuple[Dataset, ...]]:
    found: dict[str, tuple[Dataset, ...]] = {}
    for dataset in datasets:
        purpose = _purpose(dataset.context)
        found[purpose] = (*found.get(purpose, ()), dataset)
    return found


def _purpose(context: str | None) -> str:
    word = (context or "").strip().lower()
    return _PURPOSES.get(word, word) or UNSPECIFIED


def _describe(row: DataRow, versions: Sequence[Version]) -> str:
    pairs = zip(row.texts, versions, strict=True)
    return ", ".join(f"{text} in version {version.version}" for text, version in pairs)


def _text(dataset: Dataset) -> str:
    return f"{dataset.name} ({dataset.digest or dataset.source})"
