"""Predicts a file into another: reads, asks and writes at once, in order, and goes on where it was killed.

Only so many batches are in memory as requests are under way, and reading waits for writing.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from modelyard_client.batch.columns import tensors_of_columns
from modelyard_client.batch.formats import part_format, table_format
from modelyard_client.batch.parts import Manifest, Parts
from modelyard_client.batch.plan import ROWS_OF_PART, Plan, planned
from modelyard_client.batch.shares import Share
from modelyard_client.batch.sinks import check_says_manifest, concatenate, manifest_of, open_sink
from modelyard_client.batch.sources import Source, open_source
from modelyard_client.errors import Conflict, Invalid, TooLarge
from modelyard_client.prediction.frames.predictor import FramePredictor
from modelyard_client.prediction.frames.results import Outputs, columns_of
from modelyard_client.prediction.frames.wire import Array

Progress = Callable[[int, int | None], None]
"""Hears how many rows are in the output's parts, and of how many, if that is known."""


def _quiet(_: int, __: int | None) -> None:
    """No listener."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchResult:
    """What was done: `resumed_rows` of the rows had been predicted before."""

    output: Path
    model: str
    version: str | None
    rows: int
    resumed_rows: int
    seconds: float


def predict_file(
    model: FramePredictor,
    source: Path,
    output: Path,
    *,
    columns: Collection[str] | None = None,
    drop: Collection[str] = (),
    outputs: Sequence[str] | None = None,
    in_flight: int = 4,
    rows_of_part: int = ROWS_OF_PART,
    share: Share | None = None,
    restart: bool = False,
    progress: Progress = _quiet,
) -> BatchResult:
    """Predict every row of a file, once, into a file of the same number and order of rows.

    The output grows in parts in the folder `<output>.parts` and gets its name when it is whole. The same call, after it
    was killed, goes on after the last whole part, as long as source, model, version and columns are the same.

    Args:
        model: of one version: pin it, since an address may get another one meanwhile.
        source: Parquet, CSV with a line of names, or Arrow IPC; by its ending. It may be larger than memory.
        output: the same forms.
        columns: of the source, which the output has too, before the predictions; None for those that the model does not
            take, such as keys.
        drop: columns that the model shall not get.
        outputs: of the model; None for its default ones. Columns are named as `FramePredictor.predict` names them.
        in_flight: requests under way at once.
        rows_of_part: how much of the work a kill can undo.
        share: only these rows, into `share.place(output)`; what is there already of the same share is left as it is.
        restart: begin anew, whatever parts there are.

    Raises:
        Invalid: the file is not what it should be, or rows are not what the model takes; the message has their numbers.
        Conflict: the parts that are there were made of something else, or another process writes them.
        Unavailable: the model does not answer; the same call goes on.
    """
    begun = time.monotonic()
    table, form, schema = open_source(source), part_format(table_format(output)), model.schema
    rows_wanted = range(table.rows or 0)
    if share is not None:
        output = share.place(output)
        check_says_manifest(output)
        rows_wanted = _shared(share, table, source)
    plan = planned(table.names, schema, kept=columns, dropped=drop)
    size = min(plan.rows_of_request, rows_of_part)
    rows_of_part -= rows_of_part % size
    state = source.stat()
    manifest = Manifest(
        source=str(source.resolve()),
        source_bytes=state.st_size,
        source_modified_ns=state.st_mtime_ns,
        model=schema.model_name,
        version=schema.version or "",
        outputs=tuple(outputs or ()),
        sent=tuple(plan.sent),
        kept=plan.kept,
        rows_of_part=rows_of_part,
        share="" if share is None else str(share),
    )
    parts = Parts.beside(output, form)
    with parts.held():
        if restart:
            parts.clear()
        elif share is not None and (done := _rows_done(output, manifest)) is not None:
            parts.remove()
            progress(done, done)
            return BatchResult(
                output=output,
                model=schema.model_name,
                version=schema.version,
                rows=done,
                resumed_rows=done,
                seconds=time.monotonic() - begun,
            )
        whole = parts.begin(manifest)
        rows = resumed = sum(part.rows for part in whole)
        total = table.rows if share is None else len(rows_wanted)
        progress(rows, total)
        asked = _Asked(model, plan, outputs)
        batches = _in_order(
            asked,
            _read(
                table,
                plan,
                start=rows_wanted.start + resumed,
                rows=size,
                stop=None if share is None else rows_wanted.stop,
            ),
            in_flight=in_flight,
        )
        while (first := next(batches, None)) is not None:
            before = rows
            with open_sink(parts.draft(len(whole)), form, first.schema) as sink:
                for batch in chain([first], islice(batches, rows_of_part // size - 1)):
                    sink.write_batch(batch)
                    rows += batch.num_rows
                    progress(rows, total)
            whole.append(parts.complete(len(whole), rows - before))
        if not whole:
            raise Invalid(f"{source} has no rows", code="file_invalid", field="file")
        if total not in {None, rows}:
            raise Invalid(f"{source}: expected {total} rows, read {rows}", code="file_invalid", field="file")
        concatenate([part.path for part in whole], output, manifest.to_json())
        parts.remove()
    return BatchResult(
        output=output,
        model=schema.model_name,
        version=schema.version,
        rows=rows,
        resumed_rows=resumed,
        seconds=time.monotonic() - begun,
    )


def _shared(share: Share, table: Source, source: Path) -> range:
    """The rows of a share.

    Raises:
        Invalid: how many rows there are is not known without reading them, or there are fewer than shares.
    """
    if table.rows is None:
        raise Invalid(
            f"a share needs a file that says how many rows it has (Parquet, Arrow IPC), got {source.name!r}",
            code="share_invalid",
            field="share",
        )
    if not (rows := share.rows(table.rows)):
        raise Invalid(f"{source} has fewer rows than shares: {table.rows}", code="share_invalid", field="share")
    return rows


def _rows_done(output: Path, manifest: Manifest) -> int | None:
    """How many rows a whole share has; None where it is not there.

    Raises:
        Conflict: the file that is there was made of something else.
    """
    if not output.exists():
        return None
    found = manifest_of(output)
    if found is None or found[0] != manifest.to_json():
        raise Conflict(
            f"{output} is there already, and made of something else; --restart begins anew", code="manifest_differs"
        )
    return found[1]


def _read(
    table: Source, plan: Plan, *, start: int, rows: int, stop: int | None
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches with the number of their first row, up to the row `stop`."""
    for batch in table.batches(plan.read, start=start, rows=rows):
        left = batch.num_rows if stop is None else stop - start
        yield start, batch.slice(0, left)
        start += batch.num_rows
        if left <= batch.num_rows and stop is not None:
            return


@dataclass(frozen=True, slots=True)
class _Asked:
    """One batch to the rows of the output."""

    model: FramePredictor
    plan: Plan
    outputs: Sequence[str] | None

    def __call__(self, first: int, batch: pa.RecordBatch) -> pa.RecordBatch:
        try:
            found = self._outputs(batch.select(list(self.plan.sent)))
        except Invalid as error:
            last = first + batch.num_rows - 1
            raise Invalid(
                f"rows {first} to {last} of the file: {error.message}", code=error.code, field=error.field
            ) from error
        results = columns_of(found, batch.num_rows)
        if twice := sorted(set(self.plan.kept) & set(results)):
            raise Invalid(
                f"column {twice[0]!r} is one of the file and an output of the model: keep other columns",
                code="column_ambiguous",
                field=twice[0],
            )
        kept = batch.select(list(self.plan.kept))
        arrays = [*kept.columns, *map(_array, results.values())]
        return pa.RecordBatch.from_arrays(arrays, names=[*self.plan.kept, *results])

    def _outputs(self, batch: pa.RecordBatch) -> Outputs:
        tensors = tensors_of_columns(batch, self.model.schema)
        if tensors is not None:
            with suppress(Invalid, TooLarge):  # Then the frame gets halved, or the error with the row.
                return self.model.infer_tensors(tensors, outputs=self.outputs)
        frame = batch.to_pandas(split_blocks=True, integer_object_nulls=True)
        return self.model.infer(frame, outputs=self.outputs)


def _array(column: Array) -> pa.Array:
    """Texts stay texts in a batch in which all of them are missing."""
    return pa.array(column, pa.string() if column.dtype == object else None)


def _in_order(
    asked: Callable[[int, pa.RecordBatch], pa.RecordBatch],
    batches: Iterator[tuple[int, pa.RecordBatch]],
    *,
    in_flight: int,
) -> Iterator[pa.RecordBatch]:
    """The answers in the order of the batches, of which at most `in_flight` are under way."""
    pending: deque[Future[pa.RecordBatch]] = deque()
    threads = ThreadPoolExecutor(max_workers=in_flight, thread_name_prefix="modelyard-batch")
    try:
        for first, batch in batches:
            pending.append(threads.submit(asked, first, batch))
            if len(pending) >= in_flight:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
