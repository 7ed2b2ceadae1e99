"""Waiting, after `up`, for the deployments that load: a progress bar for a person, a line for each change elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from modelyard.deployments.domain import reason_of_unconfigured
from modelyard_client import Client
from modelyard_client.cli.terminal import is_watched, say
from modelyard_client.deployment import Deployment
from modelyard_client.errors import ModelyardError

_POLL_SECONDS = 0.3
_FAILED_SECONDS = 5.0
"""How long a deployment that failed before the stack went down may still come back."""
LONGEST_SECONDS = 600.0

Show = Callable[["Loading"], None]


@dataclass(frozen=True, slots=True)
class Loading:
    """The deployments that shall serve, by how they are."""

    ready: Sequence[Deployment]
    failed: Sequence[Deployment]
    loading: Sequence[Deployment]

    @classmethod
    def of(cls, deployments: Sequence[Deployment], *, waited: float) -> "Loading":
        """The stored status of a deployment is outdated until its replicas report, so they are counted."""
        ready = [one for one in deployments if _is_ready(one)]
        rest = [one for one in deployments if one not in ready and one.status != "draining"]
        failed = [one for one in rest if _has_failed(one, waited=waited)]
        return cls(ready, failed, [one for one in rest if one not in failed])

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.ready) + len(self.failed) + len(self.loading)


def await_deployments(url: str, token: str | None, *, waits: bool) -> Loading:
    """How the deployments are: now, or, when it waits, once each of them serves or has failed."""
    started = time.monotonic()
    with Client(url, token) as client, _shown() as show:
        while True:
            waited = time.monotonic() - started
            now = Loading.of(list(client.deployments.list()), waited=waited)
            show(now)
            if not waits or not now.loading or waited > LONGEST_SECONDS:
                return now
            time.sleep(_POLL_SECONDS)


def describe_deployments(url: str, token: str | None, *, waits: bool) -> str:
    """What `up` says of the deployments, in one sentence that begins with how many serve; empty when there are none."""
    try:
        found = await_deployments(url, token, waits=waits)
    except ModelyardError as error:
        return f"what is deployed cannot be seen: {error.message}"
    if found.count == 0:
        return ""
    sentence = f"{len(found.ready)} of {found.count} deployments serve"
    if found.loading:
        sentence += f", {len(found.loading)} still load (`modelyard deployments` shows them)"
    for one in found.failed:
        failed = " failed" if one.status == "failed" else ""
        reason = f": {one.reason}" if one.reason else ""
        sentence += f"; {one.model_name} ({one.deployment_id}){failed}{reason}"
    return sentence


def _has_failed(deployment: Deployment, *, waited: float) -> bool:
    """Whether there is nothing to wait for; of a target that is not configured nobody will ever say more."""
    if deployment.target is not None and deployment.reason == reason_of_unconfigured(deployment.target):
        return True
    return deployment.status == "failed" and waited > _FAILED_SECONDS


def _is_ready(deployment: Deployment) -> bool:
    answering = sum(replica.state == "ready" for replica in deployment.replica_states)
    return deployment.is_as_wanted and answering == deployment.replicas


@contextmanager
def _shown() -> Iterator[Show]:
    if not is_watched():
        yield _Lines()
        return
    columns = (TextColumn("loading deployments"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(now: Loading) -> None:
            names = ", ".join(sorted({one.model_name for one in now.loading}))
            done = len(now.ready) + len(now.failed)
            bar.update(task, total=now.count, completed=done, description=names, visible=bool(now.loading))

        yield show


class _Lines:
    """A line whenever another one is ready or failed."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def __call__(self, now: Loading) -> None:
        done = len(now.ready) + len(now.failed), now.count
        if now.loading and done != self._last:
            self._last = done
            say(f"Loading deployments: {done[0]} of {done[1]}")
