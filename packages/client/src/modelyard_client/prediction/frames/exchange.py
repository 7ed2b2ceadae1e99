"""What is sent for a DataFrame and what becomes of the answers; how they travel is the business of the predictors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pandas as pd

from modelyard_client.errors import Invalid
from modelyard_client.prediction.frames import batches
from modelyard_client.prediction.frames.columns import tensors_of
from modelyard_client.prediction.frames.results import Outputs, joined, pandas_of, probabilities_of
from modelyard_client.prediction.frames.wire import JSON_LENGTH, InputTensor, Request, decode, encode
from modelyard_client.prediction.schema import PROBABILITIES, Schema
from modelyard_client.transport import path


@dataclass(frozen=True, slots=True)
class Exchange:
    """Predictions of frames by one model.

    Args:
        outputs: the names of the wanted ones; None for those that the model gives by default.
        batch_rows: in one request; None for some 4 MiB.
    """

    schema: Schema
    outputs: tuple[str, ...] | None
    batch_rows: int | None

    @classmethod
    def of(cls, schema: Schema, outputs: Sequence[str] | None, batch_rows: int | None) -> "Exchange":
        """As a caller asks for it.

        Raises:
            Invalid: the model has no such output, or a request shall have no row.
        """
        if batch_rows is not None and batch_rows < 1:
            raise Invalid(
                f"batch_rows: expected at least 1, got {batch_rows}", code="batch_invalid", field="batch_rows"
            )
        return cls(schema, schema.wanted(None if outputs is None else tuple(outputs)), batch_rows)

    @classmethod
    def of_probabilities(cls, schema: Schema, batch_rows: int | None) -> "Exchange":
        """For a classifier's probabilities.

        Raises:
            Invalid: the model gives none.
        """
        return cls.of(schema, (PROBABILITIES,), batch_rows)

    @property
    def where(self) -> str:
        """The path of the requests."""
        return path("v2", "models", self.schema.model_name, "infer")

    def pieces(self, frame: pd.DataFrame) -> list[pd.DataFrame]:
        """The rows of each request.

        Raises:
            Invalid: it is no DataFrame.
        """
        if not isinstance(frame, pd.DataFrame):
            raise Invalid(f"expected a DataFrame, got {type(frame).__name__}", code="inputs_invalid", field="inputs")
        return batches.split(frame, batches.rows_of(frame, self.batch_rows)) or [frame]

    def request(self, piece: pd.DataFrame) -> Request:
        """The body for these rows. Raises Invalid for what is not what the model takes."""
        return self.request_of(tensors_of(piece, self.schema))

    def request_of(self, tensors: Sequence[InputTensor]) -> Request:
        """The body for these inputs."""
        names = self.outputs
        if names is None and any(tensor.datatype == "BYTES" for tensor in self.schema.outputs):
            names = tuple(tensor.name for tensor in self.schema.outputs)
        return encode(tensors, {name: not self.schema.is_text(name) for name in names or ()})

    def predictions(self, answers: Sequence[Outputs], frame: pd.DataFrame) -> "pd.Series[Any] | pd.DataFrame":
        """The predictions of all rows."""
        return pandas_of(joined(answers), frame.index)

    def probabilities(self, answers: Sequence[Outputs], frame: pd.DataFrame) -> pd.DataFrame:
        """The probabilities of all rows."""
        return probabilities_of(joined(answers)[PROBABILITIES], frame.index)


def outputs_of(response: httpx.Response) -> Outputs:
    """The outputs of an answer."""
    return decode(response.content, response.headers.get(JSON_LENGTH))
