"""The profile of a version's training data as it is judged by, and what a server counted in its bins. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from modelyard.analysis.drift import BinCounts

_MOST_FEATURES = 128
_MOST_BINS = 50
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class ProfiledFeature:
    """An input's or an answer's bins, with the counts of the training data."""

    title: str
    """For people: `age`, `input[3]`, `answer predictions`."""
    edges: tuple[float, ...] | None
    """Between the bins of numbers, ascending."""
    categories: tuple[str, ...] | None
    """One a bin."""
    counts: BinCounts


@dataclass(frozen=True, slots=True)
class TrainingProfile:
    """What a version's training data looked like."""

    digest: str
    """By which a server names the profile that it counts in."""
    rows: int
    features: tuple[ProfiledFeature, ...]
    left_out: list[str]

    @property
    def expected(self) -> Mapping[str, BinCounts]:
        """The counts of the training data by feature."""
        return {feature.title: feature.counts for feature in self.features}

    def counted(self, counts: Sequence[Sequence[int]]) -> tuple[ProfiledFeature, ...]:
        """The same features with what was counted in their bins since."""
        return tuple(
            replace(feature, counts=_counts(feature.edges is not None, each))
            for feature, each in zip(self.features, counts, strict=False)
        )

    def fits(self, counts: Sequence[Sequence[int]]) -> bool:
        """Whether these counts are of this profile's bins."""
        sizes = [len(feature.counts.bins) + 2 for feature in self.features]
        return [len(each) for each in counts] == sizes


def read_profile(document: Mapping[str, Any]) -> TrainingProfile:
    """A profile out of its document, which a model's own code may have written: nothing of it is believed.

    Raises:
        ValueError: it is none, or larger than a profile can be.
    """
    try:
        features = tuple(_feature(each) for each in document["features"])
        profile = TrainingProfile(
            digest=str(document["digest"]),
            rows=int(document["rows"]),
            features=features,
            left_out=[str(each)[:_LONGEST] for each in document["left_out"]],
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"no profile of training data: {error}") from error
    if len(features) > _MOST_FEATURES or len({each.title for each in features}) < len(features):
        raise ValueError(f"expected at most {_MOST_FEATURES} different features, got {len(features)}")
    return profile


def _feature(content: Mapping[str, Any]) -> ProfiledFeature:
    edges, categories, column = content["edges"], content["categories"], content["column"]
    counts = [int(each) for each in (*content["bins"], content["missing"], content["unseen"])]
    name = str(content["tensor"])[:_LONGEST] + ("" if column is None else f"[{int(column)}]")
    feature = ProfiledFeature(
        title=name if content["side"] == "input" else f"answer {name}",
        edges=None if edges is None else tuple(float(each) for each in edges),
        categories=None if categories is None else tuple(str(each)[:_LONGEST] for each in categories),
        counts=_counts(edges is not None, counts),
    )
    bins = len(feature.edges) + 1 if feature.edges is not None else len(feature.categories or ())
    is_ascending = feature.edges is None or all(a < b for a, b in pairwise(feature.edges))
    if (edges is None) is (categories is None) or min(counts) < 0 or not is_ascending:
        raise ValueError(f"{name}: expected counts of ascending bins or of categories")
    if len(feature.counts.bins) != bins or bins > _MOST_BINS:
        raise ValueError(f"{name}: expected {bins} bins, {_MOST_BINS} at most, got {len(feature.counts.bins)}")
    return feature


def _counts(is_ordered: bool, counts: Sequence[int]) -> BinCounts:  # noqa: FBT001  # Two of them.
    *bins, missing, unseen = counts
    return BinCounts(tuple(bins), missing, unseen, is_ordered=is_ordered)
