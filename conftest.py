"""What holds for the tests of all packages, and how several processes share them."""

import gc
import signal
from collections import Counter

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

TOGETHER = ("tests/e2e/seeds/", "tests/e2e/")
"""Folders whose tests share a stack of the platform: one process runs them all, so that there is one."""
APART = frozenset(
    f"tests/e2e/test_{name}.py"
    for name in ("docker", "full_disk", "kubernetes", "new_project", "training_in_containers", "training_in_pods")
)
"""Files in those folders that start a stack of their own, or take long beside one: no other waits for them."""
FEW = 12
"""Files of so few tests are mostly those of killed processes, engines and laws: one lasts as long as many others."""


def pytest_configure() -> None:
    """Let an interrupt reach what tests start: a shell has its background jobs ignore it, and what they start.

    The cyclic garbage collector looks less often: a test of the whole application makes 400,000 objects, and each pass
    over all that a test process holds took as long as the application itself.
    """
    gc.set_threshold(50_000, 10, 10)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that the processes end together: the stacks, then the files of few tests."""
    size = Counter(shared_by(item.nodeid) for item in items)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        scope = shared_by(item.nodeid)
        turn = 0 if scope in TOGETHER or scope in APART else 1 if size[scope] <= FEW else 2
        return turn, -size[scope], scope

    items.sort(key=place)


def shared_by(nodeid: str) -> str:
    """What one process runs as a whole: a folder whose tests share a stack, otherwise a file."""
    path = nodeid.partition("::")[0]
    if path in APART:
        return path
    return next((folder for folder in TOGETHER if path.startswith(folder)), path)


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types.
    """Gives a process a whole file, or all files that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """In place of xdist's own, where files are shared."""
    return ByStack(config, log) if config.getoption("dist") == "loadfile" else None
