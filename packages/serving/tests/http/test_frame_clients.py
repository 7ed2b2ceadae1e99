"""DataFrames over modelyard-client against real servers: what goes in comes out, with names, types and index."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from modelyard_client import AsyncPredictor, Conflict, FramePredictor, Invalid, TooLarge, Unavailable

StartServer = Callable[..., Any]
INDEX = pd.Index(["first", "second", "third"], name="customer")


@pytest.fixture(scope="module")
def customers(start_servers: StartServer) -> str:
    return str(start_servers("Customers").url)


@pytest.fixture(scope="module")
def labeller(start_servers: StartServer) -> str:
    return str(start_servers("Labeller").url)


@pytest.fixture
def model(customers: str) -> Iterator[FramePredictor]:
    with FramePredictor(customers, model="Customers") as opened:
        yield opened


def frame(**changes: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "amount": [1.5, np.nan, -2.0],
        "share": [0.25, 0.5, 1.0],
        "count": [1, 2, 3],
        "is_new": [True, False, True],
        "town": ["Ulm", "Köln", "東京"],
    }
    return pd.DataFrame(columns | changes, index=INDEX)


class TestFrames:
    def test_names_types_index_and_missing_values_survive(self, model: FramePredictor) -> None:
        given = frame(town=["Ulm", None, "東京"])

        found = model.predict(given)

        expected = pd.DataFrame(
            {
                "amount": given["amount"],
                "share": given["share"].astype("float32"),
                "has_count": [True, True, True],
                "is_new": given["is_new"],
                "town": given["town"],
            },
            index=INDEX,
        )
        assert_frame_equal(found, expected)

    def test_the_order_of_the_columns_does_not_matter_and_other_columns_are_refused(
        self, model: FramePredictor
    ) -> None:
        turned = frame()[["town", "is_new", "count", "share", "amount"]]

        assert_frame_equal(model.predict(turned), model.predict(frame()))
        with pytest.raises(Invalid, match=r"does not take column 'label': expected 'amount', 'share'"):
            model.predict(frame(label=1))

    def test_an_optional_column_may_have_missing_values_or_not_be_there(self, model: FramePredictor) -> None:
        assert model.predict(frame(count=[1, None, 3]))["has_count"].tolist() == [True, False, True]
        assert model.predict(frame(count=pd.array([1, None, 3], dtype="Int64")))["has_count"].sum() == 2
        assert not model.predict(frame().drop(columns="count"))["has_count"].any()

    def test_a_missing_value_in_another_column_is_refused_by_the_model(self, model: FramePredictor) -> None:
        with pytest.raises(Invalid, match="is_new"):
            model.predict(frame(is_new=[True, None, False]))

    def test_a_large_frame_goes_in_several_requests_and_comes_back_in_order(self, customers: str) -> None:
        many = pd.concat([frame()] * 50, ignore_index=True).assign(amount=np.arange(150.0))

        with FramePredictor(customers, batch_rows=7, in_flight=3) as model:
            found = model.predict(many)

        assert found["amount"].tolist() == list(range(150))
        assert found.index.equals(many.index)

    def test_rows_that_are_too_large_for_one_request_go_in_smaller_ones(self, start_servers: StartServer) -> None:
        url = str(start_servers("Customers", "--max-body-bytes", "20000").url)
        texts = ["short"] * 150 + ["long " * 100] * 150
        many = pd.concat([frame()] * 100, ignore_index=True).assign(town=texts)

        async def ask() -> Any:
            async with AsyncPredictor(url) as model:
                return await model.predict(many)

        with FramePredictor(url) as model:
            assert model.predict(many)["town"].tolist() == texts
            with pytest.raises(TooLarge):
                model.predict(frame(town="x" * 30_000).head(1))
        assert asyncio.run(ask())["town"].tolist() == texts

    def test_outputs_are_chosen_by_name(self, model: FramePredictor) -> None:
        one = model.predict(frame(), outputs=["town"])

        assert_series_equal(one, frame()["town"], check_dtype=False, check_index_type=False)
        with pytest.raises(Invalid, match="gives no output 'score': expected amount, share"):
            model.predict(frame(), outputs=["score"])

    def test_an_empty_frame_and_what_is_no_frame_are_refused(self, model: FramePredictor) -> None:
        with pytest.raises(Invalid, match="at least one row"):
            model.predict(frame().head(0))
        with pytest.raises(Invalid, match="expected a DataFrame, got list"):
            model.predict([1, 2])

    def test_a_model_that_is_not_meant_is_a_conflict(self, customers: str) -> None:
        with FramePredictor(customers, model="Other") as model, pytest.raises(Conflict, match="Other"):
            model.predict(frame())

    def test_an_address_at_which_nothing_answers_is_unavailable(self) -> None:
        with FramePredictor("http://127.0.0.1:9") as model, pytest.raises(Unavailable, match="nothing answers"):
            model.predict(frame())


class TestClassifiers:
    ROWS = pd.DataFrame({"a": [1, -1], "b": [0, 0], "c": [0, 0]}, index=[7, 9])

    def test_labels_are_a_series_and_probabilities_a_frame_of_a_column_for_each_class(self, labeller: str) -> None:
        with FramePredictor(labeller) as model:
            labels, chances = model.predict(self.ROWS), model.predict_proba(self.ROWS)

        assert_series_equal(labels, pd.Series([1, 0], index=[7, 9], name="label"))
        assert_frame_equal(chances, pd.DataFrame([[0.0, 1.0], [1.0, 0.0]], index=[7, 9]))

    def test_a_model_of_one_array_takes_as_many_columns_as_it_is_wide(self, labeller: str) -> None:
        with FramePredictor(labeller) as model, pytest.raises(Invalid, match=r"shape \[-1, 3\], got 2 columns"):
            model.predict(self.ROWS[["a", "b"]])

    def test_a_model_without_probabilities_says_so(self, model: FramePredictor) -> None:
        with pytest.raises(Invalid, match="gives no output 'probabilities'"):
            model.predict_proba(frame())


class TestAsyncPredictor:
    def test_many_tasks_share_its_connections(self, customers: str) -> None:
        async def ask() -> list[Any]:
            async with AsyncPredictor(customers, model="Customers", batch_rows=2, in_flight=4) as model:
                return await asyncio.gather(*(model.predict(frame(amount=[n, 0, 0])) for n in range(20)))

        found = asyncio.run(ask())

        assert [each["amount"].iloc[0] for each in found] == list(range(20))
        assert all(each.index.equals(INDEX) for each in found)

    def test_probabilities_and_refusals_are_the_same_as_without_asyncio(self, labeller: str) -> None:
        async def ask() -> pd.DataFrame:
            async with AsyncPredictor(labeller) as model:
                with pytest.raises(Invalid, match="expected a number"):
                    await model.predict(TestClassifiers.ROWS.assign(a="x"))
                return await model.predict_proba(TestClassifiers.ROWS)

        assert asyncio.run(ask()).to_numpy().tolist() == [[0.0, 1.0], [1.0, 0.0]]
