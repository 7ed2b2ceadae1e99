"""`modelyard predict … --output FILE`: a file larger than memory, with progress, resumed after a kill."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.terminal import clean, is_watched, say

if TYPE_CHECKING:
    from modelyard_client.prediction.frames.predictor import FramePredictor


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What only a file as output has."""

    columns: Sequence[str] | None
    outputs: Sequence[str] | None
    in_flight: int | None
    share: str | None
    restart: bool

    def refuse(self) -> None:
        """Raises BadParameter when any is given although the output is no file."""
        given = {
            "--columns": self.columns,
            "--outputs": self.outputs,
            "--in-flight": self.in_flight,
            "--share": self.share,
            "--restart": self.restart,
        }
        if named := [option for option, value in given.items() if value]:
            raise typer.BadParameter(f"{named[0]} has a meaning with a file as --output only")


@dataclass(frozen=True, slots=True)
class Called:
    """Which model is called, and how."""

    reference: str
    _: KW_ONLY
    version: int | None
    key: str | None
    url: str | None
    home: Path | None


def predict_into(place: Path, source: Path, called: Called, *, drop: Sequence[str], options: FileOptions) -> None:
    """Predict a file into another one, and say how it went."""
    from modelyard_client.batch.run import predict_file
    from modelyard_client.batch.shares import Share

    if source == Path("-"):
        raise typer.BadParameter("a file as --output needs a file as input, which can be read again after a break")
    with _pinned(called) as predictor, _shown(source.name) as progress:
        done = predict_file(
            predictor,
            source,
            place,
            columns=options.columns,
            drop=drop,
            outputs=options.outputs,
            share=None if options.share is None else Share.parse(options.share),
            in_flight=options.in_flight or 4,
            restart=options.restart,
            progress=progress,
        )
    rate = (done.rows - done.resumed_rows) / max(done.seconds, 1e-9)
    before = f", {done.resumed_rows:,} of them before" if done.resumed_rows else ""
    say(f"{done.rows:,} rows{before}, {rate:,.0f} rows/s, by version {done.version} of {done.model}: {done.output}")


@contextmanager
def _pinned(called: Called) -> Iterator["FramePredictor"]:
    """A predictor of one version from the first row to the last, whatever is promoted meanwhile."""
    from modelyard_client.prediction.frames.predictor import FramePredictor

    if called.reference.startswith(("http://", "https://")):
        with FramePredictor(called.reference, key=called.key) as found:
            name, version = found.schema.model_name, called.version or _number(found.schema.version)
        with FramePredictor(called.reference, model=name, version=version, key=called.key) as pinned:
            yield pinned
        return
    with connect(called.url, called.home) as client:
        version = called.version
        if version is None:
            with client.deployments.frames(called.reference, key=called.key) as found:
                version = _number(found.schema.version)
        with client.deployments.frames(called.reference, version=version, key=called.key) as pinned:
            yield pinned


def _number(version: str | None) -> int | None:
    """A version of the registry; a model that is served without one may call it otherwise."""
    return int(version) if version is not None and version.isascii() and version.isdecimal() else None


@contextmanager
def _shown(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Rows, rows a second and the time that remains, on stderr, where a person sees it."""
    if not is_watched():
        yield lambda _, __: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(clean(title).replace("[", r"\["), total=None, rate="")

        def update(rows: int, total: int | None) -> None:
            speed = bars.tasks[0].speed
            bars.update(task, completed=rows, total=total, rate="" if speed is None else f"{speed:,.0f} rows/s")

        yield update
