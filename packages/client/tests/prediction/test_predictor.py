from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from modelyard_standin import FakeClock, StandIn, error

from modelyard_client import Predictor
from modelyard_client.errors import Conflict, Invalid
from modelyard_client.prediction.files import FileFormat, read_bytes
from modelyard_client.prediction.schema import Tensor

FRAME = [
    {"name": "age", "datatype": "FP64", "shape": [-1]},
    {"name": "zip", "datatype": "BYTES", "shape": [-1]},
]


@pytest.fixture
def predictor(standin: StandIn, clock: FakeClock) -> Iterator[Predictor]:
    with Predictor(f"{standin.url}/model", clock=clock) as opened:
        yield opened


def sent(standin: StandIn) -> object:
    (request,) = standin.asked("POST", "/model/predict")
    return request.json


class TestPredict:
    def test_a_frame_goes_as_columns(self, standin: StandIn, predictor: Predictor) -> None:
        prediction = predictor.predict(pd.DataFrame({"age": [31.0, np.nan], "zip": ["007", "123"]}))
        assert prediction.predictions == [0, 1]
        assert sent(standin) == {"inputs": {"age": [31.0, None], "zip": ["007", "123"]}}

    def test_an_array_goes_as_rows(self, standin: StandIn, predictor: Predictor) -> None:
        predictor.predict(np.array([[1, 2], [3, 4]]))
        assert sent(standin) == {"inputs": [[1, 2], [3, 4]]}

    def test_several_outputs_come_by_name(self, standin: StandIn, predictor: Predictor) -> None:
        standin.prediction = {"predictions": [0], "outputs": {"label": [0], "probability": [[0.9, 0.1]]}}
        assert predictor.predict([[1]]).outputs["probability"] == [[0.9, 0.1]]

    def test_cells_of_csv_are_read_as_the_model_declares(
        self, standin: StandIn, predictor: Predictor, tmp_path: Path
    ) -> None:
        standin.inputs = FRAME
        (tmp_path / "rows.csv").write_text("age,zip\n31,007\n,123\n")
        predictor.predict(tmp_path / "rows.csv")
        assert sent(standin) == {"inputs": {"age": [31.0, None], "zip": ["007", "123"]}}

    def test_a_model_of_one_array_takes_columns_of_any_name(self, standin: StandIn, predictor: Predictor) -> None:
        standin.inputs = [{"name": "input", "datatype": "FP64", "shape": [-1, 2]}]
        predictor.predict(read_bytes(b"a,b\n1,2\n", FileFormat.CSV))
        assert sent(standin) == {"inputs": {"a": [1.0], "b": [2.0]}}

    def test_a_model_that_declares_nothing_gets_what_the_cells_look_like(
        self, standin: StandIn, predictor: Predictor
    ) -> None:
        predictor.predict(read_bytes(b"a,b,c\n1,2.5,x\n", FileFormat.CSV))
        assert sent(standin) == {"inputs": {"a": [1], "b": [2.5], "c": ["x"]}}

    def test_a_whole_request_goes_as_it_is(self, standin: StandIn, predictor: Predictor) -> None:
        request = b'{"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"t": 0.5}}'
        predictor.predict(read_bytes(request, FileFormat.JSON))
        assert sent(standin) == {"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"t": 0.5}}

    def test_predicting_is_repeated_when_the_server_drains(self, standin: StandIn, predictor: Predictor) -> None:
        standin.out_of_turn = [error(503, "draining", "draining")]
        assert predictor.predict([[1]]).predictions == [0, 1]

    def test_the_servers_refusal_is_reported(self, standin: StandIn, predictor: Predictor) -> None:
        standin.out_of_turn = [error(400, "unknown input 'x'; expected 'age'", "input_invalid")]
        with pytest.raises(Invalid, match="unknown input 'x'; expected 'age'"):
            predictor.predict({"x": [1]})


class TestNamedModel:
    @pytest.mark.parametrize(
        ("model", "version", "header"), [("Fraud Model v2", None, "Fraud%20Model%20v2"), ("churn", 3, "churn/3")]
    )
    def test_the_server_gets_the_name_of_the_model(
        self, standin: StandIn, clock: FakeClock, model: str, version: int | None, header: str
    ) -> None:
        with Predictor(f"{standin.url}/model", model=model, version=version, clock=clock) as predictor:
            predictor.predict([[1]])
        (request,) = standin.asked("POST", "/model/predict")
        assert request.headers["modelyard-model"] == header

    def test_an_address_that_has_become_another_models_is_a_conflict(self, standin: StandIn, clock: FakeClock) -> None:
        standin.out_of_turn = [error(409, "this server has model 'fraud' in version '1', not 'churn'", "conflict")]
        with (
            Predictor(f"{standin.url}/model", model="churn", clock=clock) as predictor,
            pytest.raises(Conflict, match="has model 'fraud'"),
        ):
            predictor.predict([[1]])


class TestDescriptions:
    def test_the_model_is_described(self, standin: StandIn, predictor: Predictor) -> None:
        standin.inputs = FRAME
        assert predictor.metadata().model_name == "churn"
        assert predictor.inputs == (Tensor("age", "FP64", (-1,)), Tensor("zip", "BYTES", (-1,)))
