"""A client of one model, at its model server or at the gateway. It sends no token: neither is the control plane."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modelyard_client.clock import Clock
from modelyard_client.prediction import encode
from modelyard_client.prediction.cells import typed
from modelyard_client.prediction.files import Cells, WholeRequest, read_file
from modelyard_client.prediction.headers import model_headers
from modelyard_client.prediction.rows import inputs_of
from modelyard_client.prediction.schema import Tensor
from modelyard_client.retry import Retry
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered: `predictions` is its first output; `outputs` has all by name if there are several."""

    predictions: Any
    outputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """Which model a server has loaded."""

    model_name: str
    model_version: str | None
    run_id: str | None
    mlflow_uri: str | None

    @classmethod
    def from_json(cls, value: object) -> "Metadata":
        """Read the answer of `/metadata`."""
        fields = Fields(value, noun="metadata")
        return cls(
            model_name=fields.text("model_name"),
            model_version=fields.optional_text("model_version"),
            run_id=fields.optional_text("run_id"),
            mlflow_uri=fields.optional_text("mlflow_uri"),
        )


class Predictor:
    """Predictions of the model at one address. Use it as a context manager, or close it.

    Args:
        url: a deployment's `url` or `api_url`, or an API's address.
        model: the model that is meant; a server that has another one refuses (`Conflict`), so that an address that was
            kept for long never gets predictions of another model.
        version: which version of it is meant; without it whatever version the address has.
        key: of a subscription, which the gateway may ask for.
        timeout: seconds for one answer.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        version: int | None = None,
        key: str | None = None,
        timeout: float = 60.0,
        retry: Retry | None = None,
        clock: Clock | None = None,
    ) -> None:
        named = model_headers(model, version, key)
        self._transport = Transport(url, timeout=timeout, retry=retry, clock=clock, headers=named)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def predict(self, rows: object) -> Prediction:
        """Predict once for all rows. Predicting changes nothing, so the request is repeated when it breaks.

        Args:
            rows: a mapping of columns, a sequence of records, an array (NumPy or nested lists), a DataFrame of pandas
                or polars, an Arrow table, or the path of a JSON, CSV or Parquet file.

        Raises:
            Invalid: the rows are not what the model takes; the message names the column and what was expected.
            Unavailable: the model server does not answer.
        """
        answer = Fields(self._transport.post("/predict", self._body(rows), is_repeatable=True), noun="prediction")
        return Prediction(predictions=answer.value("predictions"), outputs=answer.mapping("outputs"))

    def metadata(self) -> Metadata:
        """Which model it is."""
        return Metadata.from_json(self._transport.get("/metadata"))

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """The model's inputs; empty when they are not declared."""
        answer = Fields(self._transport.get(path("v2", "models", self.metadata().model_name)), noun="model")
        return tuple(Tensor.from_json(item) for item in answer.items("inputs"))

    def _body(self, rows: object) -> bytes:
        if isinstance(rows, Path):
            return self._body(read_file(rows))
        if isinstance(rows, WholeRequest):
            return encode.body(rows.content)
        inputs = typed(rows.columns, self._datatypes(rows)) if isinstance(rows, Cells) else inputs_of(rows)
        return encode.body({"inputs": inputs})

    def _datatypes(self, cells: Cells) -> dict[str, str]:
        """Of each column; a model that takes one array takes it from columns of any name."""
        if len(self.inputs) == 1:
            return dict.fromkeys(cells.columns, self.inputs[0].datatype)
        return {tensor.name: tensor.datatype for tensor in self.inputs}
