"""The profile of a model's training data: for each feature and each answer its bins, and how many values are in each.

Everything is bounded, whatever the data are: features, bins, categories, and the length of a category's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import Any

import orjson

from modelyard_serving.errors import InvalidModel
from modelyard_serving.metrics.cells import DRIFT_COUNTERS

SCHEMA = "modelyard.training-profile/1"
FILE = "training_profile.json"
"""Its place in a bundle."""
MOST_FEATURES = 128
MOST_CATEGORIES = 50
LONGEST_CATEGORY = 200
"""A longer text is a category of no profile."""
NUMERIC_BINS = 20
_OUTSIDE = 2
"""Bins of what is smaller, and of what is larger, than anything in the training data."""
COUNTS_OF_NO_BIN = 2
"""Missing values and unseen ones, after the bins."""


class Side(StrEnum):
    """Which tensors of a prediction."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Feature:
    """A column of an input or of an output, with its bins.

    A numeric one has ascending `edges`: its bins are what is below the first, between two, and from the last on. One of
    texts has `categories`, each a bin; what is none of them is unseen.
    """

    side: Side
    tensor: str
    column: int | None
    """Which of a row's values; None for a tensor with one value a row."""
    edges: tuple[float, ...] | None
    categories: tuple[str, ...] | None
    bins: tuple[int, ...] = ()
    """Counts of the training data."""
    missing: int = 0
    unseen: int = 0
    """Values of rare categories, which have no bin."""

    @property
    def name(self) -> str:
        """As people call it: `age`, `input[3]`."""
        return self.tensor if self.column is None else f"{self.tensor}[{self.column}]"

    @property
    def bin_count(self) -> int:
        """How many bins it has."""
        return len(self.edges) + 1 if self.edges is not None else len(self.categories or ())

    @property
    def cell_count(self) -> int:
        """How many counters it takes."""
        return self.bin_count + COUNTS_OF_NO_BIN


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of one version's training data."""

    rows: int
    features: tuple[Feature, ...]
    left_out: tuple[str, ...] = ()
    """Tensors and columns without a profile, each with the reason."""

    @property
    def cell_count(self) -> int:
        """How many counters all features take."""
        return sum(feature.cell_count for feature in self.features)

    def to_json(self) -> bytes:
        """As it stands in a bundle; equal profiles have equal bytes."""
        content = {
            "schema": SCHEMA,
            "rows": self.rows,
            "features": [_feature_to_json(feature) for feature in self.features],
            "left_out": self.left_out,
        }
        return orjson.dumps(content)

    @property
    def digest(self) -> str:
        """Names these very bins and counts."""
        return sha256(self.to_json()).hexdigest()


def read_profile(content: bytes) -> Profile:
    """A profile out of its file.

    Raises:
        InvalidModel: it is none.
    """
    try:
        document = orjson.loads(content)
        _require_schema(document["schema"])
        features = tuple(_feature_of_json(each) for each in document["features"])
        profile = Profile(int(document["rows"]), features, tuple(map(str, document["left_out"])))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidModel(f"{FILE} is no profile of training data: {error}") from error
    if len(features) > MOST_FEATURES or profile.cell_count > DRIFT_COUNTERS:
        raise InvalidModel(
            f"{FILE}: expected at most {MOST_FEATURES} features with {DRIFT_COUNTERS} counters, got {len(features)} "
            f"with {profile.cell_count}"
        )
    return profile


def _require_schema(schema: object) -> None:
    if schema != SCHEMA:
        raise ValueError(f"expected schema {SCHEMA!r}, got {schema!r}")


def _feature_to_json(feature: Feature) -> dict[str, Any]:
    return {
        "side": feature.side,
        "tensor": feature.tensor,
        "column": feature.column,
        "edges": feature.edges,
        "categories": feature.categories,
        "bins": feature.bins,
        "missing": feature.missing,
        "unseen": feature.unseen,
    }


def _feature_of_json(content: Mapping[str, Any]) -> Feature:
    edges, categories = content["edges"], content["categories"]
    feature = Feature(
        side=Side(content["side"]),
        tensor=str(content["tensor"]),
        column=None if content["column"] is None else int(content["column"]),
        edges=None if edges is None else _ascending([float(edge) for edge in edges]),
        categories=None if categories is None else tuple(str(each)[:LONGEST_CATEGORY] for each in categories),
        bins=tuple(int(count) for count in content["bins"]),
        missing=int(content["missing"]),
        unseen=int(content["unseen"]),
    )
    if (edges is None) is (categories is None):
        raise ValueError(f"{feature.name}: expected either edges or categories")
    if len(feature.bins) != feature.bin_count or feature.bin_count > max(MOST_CATEGORIES, NUMERIC_BINS + _OUTSIDE):
        raise ValueError(f"{feature.name}: expected {feature.bin_count} bins, got {len(feature.bins)}")
    return feature


def _ascending(edges: Sequence[float]) -> tuple[float, ...]:
    if any(not before < after for before, after in pairwise(edges)):
        raise ValueError("edges must ascend")
    return tuple(edges)
