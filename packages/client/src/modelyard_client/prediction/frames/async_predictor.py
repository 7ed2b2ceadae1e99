"""The same as `FramePredictor` for asyncio."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import pandas as pd

from modelyard_client.async_transport import AsyncTransport
from modelyard_client.errors import Invalid, TooLarge
from modelyard_client.prediction.frames import batches
from modelyard_client.prediction.frames.exchange import Exchange, outputs_of
from modelyard_client.prediction.frames.results import Outputs, joined
from modelyard_client.prediction.headers import model_headers
from modelyard_client.prediction.schema import Schema
from modelyard_client.retry import Retry
from modelyard_client.transport import path
from modelyard_client.wire import Fields


class AsyncPredictor:
    """Predictions of DataFrames by the model at one address. Any number of tasks may call it at once.

    Use it as an asynchronous context manager, or close it.

    Args:
        url, model, version, key, batch_rows, timeout: as of `FramePredictor`.
        in_flight: requests under way at once, of all tasks together.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        version: int | None = None,
        key: str | None = None,
        batch_rows: int | None = None,
        in_flight: int = 8,
        timeout: float = 60.0,
        retry: Retry | None = None,
    ) -> None:
        headers = model_headers(model, version, key)
        self._transport = AsyncTransport(url, timeout=timeout, connections=in_flight, retry=retry, headers=headers)
        self._turns = asyncio.Semaphore(in_flight)
        self._batch_rows = batch_rows
        self._schema: Schema | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def predict(
        self, frame: pd.DataFrame, *, outputs: Sequence[str] | None = None
    ) -> "pd.Series[Any] | pd.DataFrame":
        """A prediction for each row; arguments, result and errors as of `FramePredictor.predict`."""
        answers, exchange = await self._answers(frame, lambda schema: Exchange.of(schema, outputs, self._batch_rows))
        return exchange.predictions(answers, frame)

    async def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The probability of each class for each row; as `FramePredictor.predict_proba`."""
        answers, exchange = await self._answers(
            frame, lambda schema: Exchange.of_probabilities(schema, self._batch_rows)
        )
        return exchange.probabilities(answers, frame)

    async def _answers(
        self, frame: pd.DataFrame, plan: Callable[[Schema], Exchange]
    ) -> tuple[Sequence[Outputs], Exchange]:
        if self._schema is None:
            self._schema = await self._read_schema()
        exchange = plan(self._schema)
        try:
            return await self._ask(exchange, frame), exchange
        except Invalid:
            schema = await self._read_schema()
            if schema == exchange.schema:
                raise
        self._schema = schema  # The address has another version by now.
        exchange = plan(schema)
        return await self._ask(exchange, frame), exchange

    async def _ask(self, exchange: Exchange, frame: pd.DataFrame) -> Sequence[Outputs]:
        tasks = [asyncio.create_task(self._send(exchange, piece)) for piece in exchange.pieces(frame)]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            raise

    async def _send(self, exchange: Exchange, piece: pd.DataFrame) -> Outputs:
        async with self._turns:
            request = exchange.request(piece)
            try:
                answer = await self._transport.send("POST", exchange.where, body=request.body, headers=request.headers)
                return outputs_of(answer)
            except TooLarge:
                if len(piece) == 1:
                    raise
        halves = batches.split(piece, (len(piece) + 1) // 2)  # Texts are longer than the first ones were.
        return joined([await self._send(exchange, half) for half in halves])

    async def _read_schema(self) -> Schema:
        name = Fields(await self._transport.get("/metadata"), noun="metadata").text("model_name")
        return Schema.from_json(await self._transport.get(path("v2", "models", name)))
