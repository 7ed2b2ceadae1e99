"""Profiles of training data: which bins, how much of hostile data, and what their file may hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_models import Doubler

from modelyard_serving.drift.binning import Binning
from modelyard_serving.drift.cli import training_profile
from modelyard_serving.drift.profile import (
    MOST_CATEGORIES,
    MOST_FEATURES,
    Feature,
    Profile,
    Side,
    read_profile,
)
from modelyard_serving.drift.training import profile_of
from modelyard_serving.errors import InvalidInput, InvalidModel
from modelyard_serving.metrics.cells import DRIFT_COUNTERS
from modelyard_serving.runtimes.python import PythonModel


def _column(values: Any) -> Feature:
    array = np.asarray(values)
    (feature,) = profile_of({"x": array}, {}, rows=len(array)).features
    return feature


def _texts(*values: Any) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


class TestANumericColumn:
    def test_many_distinct_values_have_bins_of_equal_size_and_one_beyond_each_end(self) -> None:
        feature = _column(np.random.default_rng(1).normal(size=10_000))
        assert len(feature.bins) == 22
        assert (feature.bins[0], feature.bins[-1]) == (0, 0)
        assert set(feature.bins[1:-1]) == {500}

    def test_few_distinct_values_have_a_bin_each(self) -> None:
        assert _column([3, 1, 1, 2]).bins == (0, 2, 1, 1, 0)

    def test_what_is_missing_is_counted_and_what_is_infinite_is_beyond_the_ends(self) -> None:
        feature = _column([1.0, np.nan, 2.0, np.inf, -np.inf, np.inf])
        assert (feature.missing, feature.bins[0], feature.bins[-1]) == (1, 1, 2)

    def test_a_column_of_missing_values_alone_has_one_bin(self) -> None:
        feature = _column([np.nan, np.nan])
        assert (feature.bins, feature.missing) == ((0,), 2)

    def test_numbers_with_none_between_them_are_numbers(self) -> None:
        feature = _column(_texts(1, None, 2, 10**400))
        assert (feature.edges is not None, feature.missing, feature.bins[-1]) == (True, 1, 1)


class TestAColumnOfTexts:
    def test_each_category_has_a_bin(self) -> None:
        feature = _column(_texts("red", "blue", "red", None))
        assert (feature.categories, feature.bins, feature.missing) == (("blue", "red"), (1, 2), 1)

    def test_rare_and_long_ones_are_unseen(self) -> None:
        many = [f"c{number:03}" for number in range(200)]
        feature = _column(_texts(*many, *many[:MOST_CATEGORIES], "x" * 1_000_000, b"\xff"))
        assert feature.categories == tuple(many[:MOST_CATEGORIES])
        assert feature.unseen == 152

    def test_other_values_than_those_of_the_training_data_are_unseen_whatever_they_are(self) -> None:
        binning = Binning(_column(_texts("red", "blue")))
        hostile = _texts("green", "y" * 10_000_000, b"\x00", 3.5, float("nan"), None, [1], "red", {})
        assert binning.count(hostile).tolist() == [0, 1, 2, 6]

    def test_texts_where_the_training_data_have_numbers_are_unseen(self) -> None:
        assert Binning(_column([1.0, 2.0])).count(_texts("1", 2, None)).tolist() == [0, 0, 1, 0, 1, 1]


class TestAProfile:
    def test_answers_come_before_inputs_and_what_is_too_wide_is_named(self) -> None:
        profile = profile_of({"image": np.zeros((5, 64, 64)), "x": np.zeros((5, 2))}, {"label": np.arange(5)}, rows=5)
        assert [each.name for each in profile.features] == ["label", "x[0]", "x[1]"]
        assert profile.left_out == (f"input image: 4096 values a row, more than {MOST_FEATURES}",)

    def test_it_never_has_more_features_or_counters_than_a_server_has_room_for(self) -> None:
        wide = {f"c{number}": _texts(*(f"v{value}" for value in range(60))) for number in range(300)}
        profile = profile_of(wide, {}, rows=60)
        assert len(profile.features) <= MOST_FEATURES
        assert profile.cell_count <= DRIFT_COUNTERS
        assert "more features" in profile.left_out[0]

    def test_its_file_reads_back_as_the_same(self) -> None:
        profile = profile_of({"x": np.random.default_rng(2).normal(size=500)}, {"y": _texts(*"ab" * 250)}, rows=500)
        assert read_profile(profile.to_json()) == profile

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"schema": "other"}, "schema"),
            ({"features": [{"side": "input"}]}, "edges"),
            ({"rows": None}, "int"),
        ],
    )
    def test_a_file_that_is_none_is_refused(self, change: dict[str, Any], said: str) -> None:
        content = json.loads(Profile(1, ()).to_json()) | change
        with pytest.raises(InvalidModel, match=said):
            read_profile(json.dumps(content).encode())

    def test_a_feature_with_more_bins_than_it_may_have_is_refused(self) -> None:
        feature = Feature(Side.INPUT, "x", None, tuple(map(float, range(100))), None, (0,) * 101)
        with pytest.raises(InvalidModel, match="bins"):
            read_profile(Profile(1, (feature,)).to_json())


class TestTrainingData:
    """Of a model of one tensor `x` with two values a row."""

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("data.json", '{"columns": ["a", "b", "target"], "data": [[1, 2, 9], [3, 4, 9]]}'),
            ("data.json", '{"inputs": [[1, 2], [3, 4]]}'),
        ],
    )
    def test_the_model_itself_answers_them(self, tmp_path: Path, name: str, content: str) -> None:
        (tmp_path / name).write_text(content)
        profile = training_profile(_model(), tmp_path / name)
        assert {each.name: each.bins for each in profile.features} == {
            "y[0]": (0, 1, 1, 0),
            "y[1]": (0, 1, 1, 0),
            "x[0]": (0, 1, 1, 0),
            "x[1]": (0, 1, 1, 0),
        }

    def test_rows_that_the_model_does_not_take_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "data.json").write_text('{"columns": ["a"], "data": [["text"]]}')
        with pytest.raises(InvalidInput):
            training_profile(_model(), tmp_path / "data.json")


def _model() -> PythonModel:
    doubler = Doubler()
    doubler.load()
    return PythonModel(doubler)
