"""A model as scikit-learn has one: DataFrames in, Series and DataFrames out."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, Self

import httpx
import pandas as pd

from modelyard_client.clock import Clock
from modelyard_client.errors import Invalid, TooLarge
from modelyard_client.prediction.frames import batches
from modelyard_client.prediction.frames.exchange import Exchange, outputs_of
from modelyard_client.prediction.frames.results import Outputs, joined
from modelyard_client.prediction.frames.wire import InputTensor, Request
from modelyard_client.prediction.headers import model_headers
from modelyard_client.prediction.schema import Schema
from modelyard_client.retry import Retry
from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields


class FramePredictor:
    """Predictions of DataFrames by the model at one address. Safe to use from several threads; close it after use.

    Connections are kept. A large frame goes in several requests, of which some are under way at once; a request that
    breaks, or is refused for now, is repeated, since predicting changes nothing. Columns go as binary tensors of the
    datatypes that the model declares: see `modelyard_client.prediction.frames.columns` for what becomes of each type.

    Args:
        url: a deployment's `url`, or an address of the gateway.
        model: the model that is meant; a server that has another one refuses (`Conflict`).
        version: which version of it is meant; without it whatever version the address has.
        key: of a subscription, where the address asks for one.
        batch_rows: rows in one request; None for as many as make some 4 MiB.
        in_flight: requests under way at once.
        timeout: seconds for one answer.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        version: int | None = None,
        key: str | None = None,
        batch_rows: int | None = None,
        in_flight: int = 2,
        timeout: float = 60.0,
        retry: Retry | None = None,
        clock: Clock | None = None,
    ) -> None:
        headers = model_headers(model, version, key)
        self._transport = Transport(url, timeout=timeout, retry=retry, clock=clock, headers=headers)
        self._threads = ThreadPoolExecutor(max_workers=in_flight, thread_name_prefix="modelyard-predict")
        self._batch_rows = batch_rows
        self._schema: Schema | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._transport.close()

    @property
    def schema(self) -> Schema:
        """What the model takes and gives, asked for once, and again when the address has another version."""
        if self._schema is None:
            self._schema = self._read_schema()
        return self._schema

    def predict(self, frame: pd.DataFrame, *, outputs: Sequence[str] | None = None) -> "pd.Series[Any] | pd.DataFrame":
        """A prediction for each row.

        Args:
            frame: n rows, with a column for each input of the model in any order; of a model that takes one array
                [n, k], k columns in its order.
            outputs: the names of the wanted outputs; None for those that the model gives by default.

        Returns:
            A Series of n values with the output's name and datatype (FP64 is float64, INT64 int64, BYTES str), or, of
            several outputs, a DataFrame of n rows with a column for each; an output [n, k] is k columns `<name>.0` ….
            The index is that of `frame`.

        Raises:
            Invalid: a column or a value is not what the model takes; the message names it and the row.
            Unavailable: the model does not answer.
        """
        answers, exchange = self._answers(frame, lambda schema: Exchange.of(schema, outputs, self._batch_rows))
        return exchange.predictions(answers, frame)

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The probability of each class, 0 to 1, for each row.

        Returns:
            n rows, with a column 0 … k-1 for each class in the order of the classifier's `classes_`, and the index of
            `frame`.

        Raises:
            Invalid: also when the model gives no probabilities.
            Unavailable: the model does not answer.
        """
        answers, exchange = self._answers(frame, lambda schema: Exchange.of_probabilities(schema, self._batch_rows))
        return exchange.probabilities(answers, frame)

    def infer(self, frame: pd.DataFrame, *, outputs: Sequence[str] | None = None) -> Outputs:
        """The outputs of one request as arrays by name, each of n elements or rows, for those who do without pandas.

        Arguments and errors as of `predict`.
        """
        answers, _ = self._answers(frame, lambda schema: Exchange.of(schema, outputs, max(1, len(frame))))
        return answers[0]

    def infer_tensors(self, inputs: Sequence[InputTensor], *, outputs: Sequence[str] | None = None) -> Outputs:
        """The same for inputs that are tensors already, which go as they lie in memory, in one request.

        Raises:
            TooLarge: the server takes fewer bytes in one request.
            Invalid, Unavailable: as of `predict`.
        """
        exchange = Exchange.of(self.schema, outputs, None)
        return outputs_of(self._exchanged(exchange, exchange.request_of(inputs)))

    def _answers(self, frame: pd.DataFrame, plan: Callable[[Schema], Exchange]) -> tuple[Sequence[Outputs], Exchange]:
        exchange = plan(self.schema)
        try:
            return self._ask(exchange, frame), exchange
        except Invalid:
            schema = self._read_schema()
            if schema == exchange.schema:
                raise
        self._schema = schema  # The address has another version by now.
        exchange = plan(schema)
        return self._ask(exchange, frame), exchange

    def _ask(self, exchange: Exchange, frame: pd.DataFrame) -> Sequence[Outputs]:
        pieces = exchange.pieces(frame)
        if len(pieces) == 1:
            return [self._send(exchange, pieces[0])]
        return list(self._threads.map(partial(self._send, exchange), pieces))

    def _send(self, exchange: Exchange, piece: pd.DataFrame) -> Outputs:
        request = exchange.request(piece)
        try:
            answer = self._exchanged(exchange, request)
        except TooLarge:
            if len(piece) == 1:
                raise
            halves = batches.split(piece, (len(piece) + 1) // 2)  # Texts are longer than the first ones were.
            return joined([self._send(exchange, half) for half in halves])
        return outputs_of(answer)

    def _exchanged(self, exchange: Exchange, request: Request) -> httpx.Response:
        return self._transport.send(
            "POST", exchange.where, body=request.stream, headers=request.headers, is_repeatable=True
        )

    def _read_schema(self) -> Schema:
        name = Fields(self._transport.get("/metadata"), noun="metadata").text("model_name")
        return Schema.from_json(self._transport.get(path("v2", "models", name)))
