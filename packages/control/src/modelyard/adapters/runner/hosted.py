"""Runs scripts in places of an engine (containers, pods), through the run agent that is started in each.

The folder of a run here is the truth about it: who observes a run copies what is new of its log, and at its end the
files that it left and how it ended; then the place is removed. So reading needs no engine, and a control plane that was
away goes on where the copies end.
"""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import IO

from modelyard.adapters.runner.agent.client import AgentAway, AgentClient
from modelyard.adapters.runner.run_folder import RunFolder, read_json, write_json
from modelyard.adapters.runner.run_host import PlaceObservation, PlaceState, RunHost, RunPlace
from modelyard.adapters.runner.run_store import RunStore, checked_script_name
from modelyard.errors import Invalid, Unavailable
from modelyard.file_lock import locked, open_lock, try_lock
from modelyard.ports.environments import Lock
from modelyard.ports.log import LogPart
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec

RUNNING = RunOutcome(RunPhase.RUNNING)
_CANCELLED = RunOutcome(RunPhase.FINISHED, exit_code=-15, reason="The run was cancelled.")
_NOT_STARTED, _KILLED = 127, -9
_LOG_SPARE = 4096
"""What an agent adds to a log that is full."""
_USUAL_SECONDS = 15
"""How long an agent may take to answer until that is worth a word."""
_PAUSE_SECONDS = 0.2


class HostedRunner:
    """Keeps the contract of `Runner` over an engine.

    Args:
        store: the folders of the runs.
        host: the engine.
        installation: the id of this installation.
        tracking_uri: the tracking server as its places reach it.
        grace_seconds: how long a script that is asked to end may take before it is killed.
        start_seconds: how long a place may take until its agent answers.
        poll_seconds: how long an observation of a run holds until the engine is asked again.
    """

    def __init__(
        self,
        store: RunStore,
        host: RunHost,
        *,
        installation: Callable[[], str],
        tracking_uri: Callable[[], str],
        grace_seconds: float,
        start_seconds: float,
        poll_seconds: float = 0.0,
    ) -> None:
        self._store = store
        self._host = host
        self._installation = installation
        self._tracking_uri = tracking_uri
        self._grace_seconds = grace_seconds
        self.start_seconds = start_seconds
        self._poll_seconds = poll_seconds
        self._asked: dict[str, float] = {}
        """When the engine was last asked of a run that runs."""
        self._to_send: dict[str, RunSpec] = {}
        """Runs whose agent has not got them yet. A control plane that is started anew is asked to start them anew."""

    @property
    def tracking_uri(self) -> str:
        """The tracking server as scripts reach it."""
        return self._tracking_uri()

    def prepare(self, lock: Lock, *, driver: Lock | None = None, log: Callable[[str], None]) -> None:
        """Have the image of runs with these locks."""
        self._host.prepare(lock, driver=driver, log=log)

    def start(self, spec: RunSpec) -> None:
        """Start a place; the run is sent to its agent as soon as that answers, by who observes it."""
        checked_script_name(spec)
        run = self._store.place(spec.run_key)
        run.make()
        with locked(run.lock):
            if run.outcome.exists():
                return
            if not run.started.exists():
                self._create(spec, run)
            if not run.sent.exists():
                self._to_send[spec.run_key] = spec
        self.observe(spec.run_key)

    def observe(self, run_key: str) -> RunOutcome:
        """Bring the run on, and say what it does. While somebody else does so, or the engine is away, it runs."""
        run = self._store.place(run_key)
        if not run.started.exists():
            return RunOutcome(RunPhase.UNKNOWN)
        if (outcome := self._ended(run_key)) is not None:
            return outcome
        with _turn(run) as is_ours:
            if not is_ours or time.monotonic() - self._asked.get(run_key, float("-inf")) < self._poll_seconds:
                return RUNNING
            try:
                outcome = self._advance(run_key, run)
            except Unavailable:
                outcome = RUNNING
        if outcome.phase is RunPhase.RUNNING:
            self._asked[run_key] = time.monotonic()
        else:
            self._asked.pop(run_key, None)
        return outcome

    def cancel(self, run_key: str) -> None:
        """Ask the agent to end the run; a place whose agent does not do so in time is removed."""
        self._to_send.pop(run_key, None)
        run = self._store.place(run_key)
        if not run.path.exists() or self._ended(run_key) is not None:
            return
        is_ended = run.started.exists() and self._end_gently(run_key, run)
        with locked(run.lock):
            if not is_ended and run.started.exists() and not run.outcome.exists():
                self._write(run, _CANCELLED)
            self._remove(run_key, run)

    def discard(self, run_key: str) -> None:
        """Remove the copies of its files."""
        self._store.discard(run_key)

    def forget(self, run_key: str) -> None:
        """Remove the run's folder, after its place."""
        run = self._store.place(run_key)
        if run.path.exists():
            self._remove(run_key, run)
            self._store.forget(run_key)

    def log_size(self, run_key: str) -> int:
        """Of what was copied of it."""
        return self._store.log_size(run_key)

    def read_log(self, run_key: str, offset: int) -> LogPart:
        """A part of what was copied of it."""
        run = self._store.place(run_key)
        has_ended = run.outcome.exists() or (run.started.exists() and not run.place.exists())
        return self._store.read_log(run_key, offset, has_ended=has_ended)

    def files(self, run_key: str, folder: str) -> Sequence[str]:
        """Those that were copied at the end."""
        return self._store.files(run_key, folder)

    def open_file(self, run_key: str, path: str) -> AbstractContextManager[IO[bytes]]:
        """One of them."""
        return self._store.open_file(run_key, path)

    def _create(self, spec: RunSpec, run: RunFolder) -> None:
        token = secrets.token_urlsafe(32)
        if (known := read_json(run.place)) is not None:
            token = known["token"]
        else:
            write_json(run.place, {"token": token})
        self._host.create(
            RunPlace(
                name=self._name(spec.run_key),
                run_key=spec.run_key,
                python_environment=spec.python_environment,
                notebook_driver=spec.notebook_driver,
                limits=spec.limits,
                token=token,
            )
        )
        run.log.touch(mode=0o600)
        write_json(run.started, {"at": time.time(), "output_bytes": spec.limits.output_bytes})

    def _ended(self, run_key: str) -> RunOutcome | None:
        """How the run ended, once its place is removed too."""
        outcome = self._store.outcome(run_key)
        run = self._store.place(run_key)
        if outcome is not None and run.place.exists():
            try:
                self._remove(run_key, run)
            except Unavailable:
                return None
        return outcome

    def _advance(self, run_key: str, run: RunFolder) -> RunOutcome:
        if (outcome := self._store.outcome(run_key)) is not None:
            self._remove(run_key, run)
            return outcome
        started = {"at": 0.0, "output_bytes": 0} | (read_json(run.started) or {})
        found = self._host.find(self._name(run_key))
        waited = time.time() - started["at"]
        if found.state is PlaceState.UP:
            try:
                return self._follow(run_key, run, most=started["output_bytes"] + _LOG_SPARE)
            except AgentAway as away:
                if run.sent.exists():
                    raise
                reason = away.message.rstrip(".") if waited > _USUAL_SECONDS else None
                found = PlaceObservation(PlaceState.PENDING, reason)
        if found.state is PlaceState.PENDING and waited > self.start_seconds:
            said = f": {found.reason}" if found.reason else ""
            reason = f"The run did not begin in {self.start_seconds:g} seconds{said}."
            return self._end(run_key, run, RunOutcome(RunPhase.FINISHED, exit_code=_NOT_STARTED, reason=reason))
        if found.state is PlaceState.ENDED and found.reason is not None:
            return self._end(run_key, run, RunOutcome(RunPhase.FINISHED, exit_code=_KILLED, reason=found.reason))
        is_first = found.state is PlaceState.PENDING and not run.sent.exists()
        return RunOutcome(RunPhase.RUNNING, reason=found.reason) if is_first else RunOutcome(RunPhase.LOST)

    def _follow(self, run_key: str, run: RunFolder, *, most: int) -> RunOutcome:
        """Send the run, or copy what is new of it."""
        agent = self._agent(run_key, run)
        state = agent.state()
        if state.outcome is None:
            if run.sent.exists():  # This is another agent, in a place that was made anew.
                return RunOutcome(RunPhase.LOST)
            if (spec := self._to_send.get(run_key)) is not None:
                agent.begin(spec)
                self._to_send.pop(run_key, None)
            return RUNNING
        run.sent.touch(mode=0o600)
        with run.log.open("ab") as log:
            agent.copy_log(log, size=min(state.log_size, most))
        if state.outcome.phase is RunPhase.FINISHED:
            self._copy_files(run, agent)
            return self._end(run_key, run, state.outcome)
        return RUNNING if state.outcome.phase is RunPhase.RUNNING else RunOutcome(RunPhase.LOST)

    def _copy_files(self, run: RunFolder, agent: AgentClient) -> None:
        """Those of an earlier, interrupted copy are removed first. What cannot be read is left out."""
        shutil.rmtree(run.work, ignore_errors=True)
        run.work.mkdir(mode=0o700)
        try:
            agent.copy_files(run.work)
        except (Invalid, OSError):
            shutil.rmtree(run.work, ignore_errors=True)

    def _end_gently(self, run_key: str, run: RunFolder) -> bool:
        """Ask the agent to end the run until it has, or the time is over; says whether it has."""
        deadline = time.monotonic() + self._grace_seconds + 20
        while time.monotonic() < deadline:
            if self._host.find(self._name(run_key)).state is not PlaceState.UP:
                return self.observe(run_key).phase is not RunPhase.RUNNING
            with suppress(Unavailable):
                agent = self._agent(run_key, run)
                if agent.state().outcome is None:  # Nothing was sent to it.
                    return self.observe(run_key).phase is not RunPhase.RUNNING
                agent.cancel()
            if self.observe(run_key).phase is not RunPhase.RUNNING:
                return True
            time.sleep(_PAUSE_SECONDS)
        return False

    def _end(self, run_key: str, run: RunFolder, outcome: RunOutcome) -> RunOutcome:
        self._write(run, outcome)
        self._remove(run_key, run)
        return outcome

    @staticmethod
    def _write(run: RunFolder, outcome: RunOutcome) -> None:
        content = {"exit_code": outcome.exit_code, "reason": outcome.reason, "tracking_uri": outcome.tracking_uri}
        write_json(run.outcome, content)

    def _remove(self, run_key: str, run: RunFolder) -> None:
        """Remove the place, if it may be there."""
        if run.place.exists():
            self._host.remove(self._name(run_key))
            run.place.unlink(missing_ok=True)
        self._to_send.pop(run_key, None)

    def _agent(self, run_key: str, run: RunFolder) -> AgentClient:
        place = read_json(run.place) or {"token": ""}
        return self._host.agent(self._name(run_key), place["token"])

    def _name(self, run_key: str) -> str:
        digest = hashlib.sha256(f"{self._installation()}/{run_key}".encode()).hexdigest()
        return f"modelyard-run-{digest[:24]}"


@contextmanager
def _turn(run: RunFolder) -> Iterator[bool]:
    """Whether nobody else brings the run on now."""
    descriptor = open_lock(run.lock)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)
