"""Callers of MLflow's model server, against ours: its own client, and the forms that its documentation sends to
`/invocations`."""

import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

import modelyard_serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MLflow warns of type hints of its own.
    from mlflow.models import convert_input_example_to_serving_input
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

_SCORING_CLIENT: Any = ScoringServerClient
"""Half of it has no types."""
StartServer = Callable[..., Any]
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def _serving_input() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It still adds a range to a column of pandas.
        return str(convert_input_example_to_serving_input(pd.DataFrame({"a": [1.0, 2.0], "b": [10.0, 20.0]})))


FORMS: dict[str, tuple[Any, str | None]] = {
    "split": ({"dataframe_split": {"columns": ["b", "a"], "data": [[10, 1], [20, 2]]}}, "application/json"),
    "and index": (
        {"dataframe_split": {"columns": ["a", "b"], "index": [4, 5], "data": [[1, 10], [2, 20]]}},
        None,
    ),
    "records": ({"dataframe_records": [{"a": 1, "b": 10}, {"a": 2, "b": 20}]}, "application/json; charset=utf-8"),
    "instances": ({"instances": [{"a": 1, "b": 10}, {"a": 2, "b": 20}]}, "application/json"),
    "inputs": ({"inputs": {"a": [1, 2], "b": [10, 20]}}, "application/json"),
    "csv": ("a,b\n1,10\n2,20\n", "text/csv"),
    "what MLflow keeps beside a model": (_serving_input(), "application/json"),
}


@pytest.fixture
def client(start_server: StartServer) -> Any:
    return _client(start_server("Doubler"))


def _client(server: Any) -> Any:
    host, _, port = str(server.status()["address"]).rpartition(":")
    return _SCORING_CLIENT(host, port)


class TestMlflow:
    def test_its_client_asks_for_health_and_version(self, client: Any) -> None:
        client.wait_server_ready()
        assert client.get_version() == modelyard_serving.__version__

    @pytest.mark.parametrize("data", [ROWS, ROWS.tolist()], ids=["array", "list"])
    def test_its_client_sends_arrays_and_reads_the_answer(self, client: Any, data: Any) -> None:
        assert client.invoke(data).get_predictions("ndarray").tolist() == (ROWS * 2).tolist()

    def test_its_client_sends_frames(self, start_server: StartServer) -> None:
        frame = pd.DataFrame({"a": [1.0, 2.0], "b": [10.0, 20.0]}, index=[7, 9])
        predictions = _client(start_server("Total")).invoke(frame).get_predictions()
        assert predictions.to_numpy().ravel().tolist() == [11.0, 22.0]

    def test_every_form_of_its_documentation(self, start_server: StartServer) -> None:
        address = start_server("Total").status()["address"]
        reported = {
            name: requests.post(
                f"http://{address}/invocations",
                data=body if isinstance(body, str) else json.dumps(body),
                headers={} if content_type is None else {"Content-Type": content_type},
                timeout=30,
            ).json()
            for name, (body, content_type) in FORMS.items()
        }
        assert reported == {name: {"predictions": [11.0, 22.0]} for name in FORMS}
