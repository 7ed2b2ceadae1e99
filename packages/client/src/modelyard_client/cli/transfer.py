"""A bar for bytes on their way, on stderr, where a person sees it; elsewhere nothing moves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelyard_client.cli.terminal import clean, is_watched


@contextmanager
def transfer_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what takes how many bytes have arrived, and of how many."""
    if not is_watched():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(clean(title).replace("[", r"\["), total=None)

        def update(arrived: int, total: int) -> None:
            shown.update(task, completed=arrived, total=total)

        yield update


def _unseen(_: int, __: int) -> None:
    """No progress is shown."""
