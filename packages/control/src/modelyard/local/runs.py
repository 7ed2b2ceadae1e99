"""Runs of scripts when the whole stack goes down: interrupted, so that their jobs start them again at the next `up`."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from modelyard.adapters.runner.home import local_runner
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.supervision.generations import is_alive
from modelyard.supervision.waiting import until

_KILL_SECONDS = 10
_SUPERVISE = "modelyard.adapters.runner.supervise"


def interrupt_runs(home: Home) -> int:
    """End every run of this home so that it counts as lost, not as finished or cancelled; says how many there were."""
    runner = local_runner(home, isolation=NO_ISOLATION)
    runs = list(_supervisors(home))
    for process, _ in runs:
        with suppress(psutil.Error):
            process.kill()  # Its script ends with it.
    until(lambda: not any(is_alive(process.pid) for process, _ in runs), seconds=_KILL_SECONDS)
    for _, folder in runs:
        runner.cancel(runner.key_of(folder))  # Of a lost run, that ends what the script itself had started.
    return len(runs)


def _supervisors(home: Home) -> Iterator[tuple[psutil.Process, Path]]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if _SUPERVISE in command and Path(command[-1]).is_relative_to(home.jobs):
                yield process, Path(command[-1])
