"""Keeps the configured number of workers running behind shared listening sockets, replaces those that exit, hang or use
too much memory, scales and drains without losing a request, and writes the status file. It loads no model and serves no
prediction."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from modelyard_serving.errors import UsageError
from modelyard_serving.metrics.shared_memory import SharedMetrics
from modelyard_serving.served_version import served_version
from modelyard_serving.settings import Settings
from modelyard_serving.workers.boot import boot_message
from modelyard_serving.workers.broadcasts import Broadcasts, Command
from modelyard_serving.workers.channel import Message
from modelyard_serving.workers.exit_reason import reason_of
from modelyard_serving.workers.graceful_close import refuse_handshakes
from modelyard_serving.workers.handover import Handover
from modelyard_serving.workers.listener import Listeners, address_of
from modelyard_serving.workers.not_ready import not_ready_responders
from modelyard_serving.workers.process import SpawnWorker
from modelyard_serving.workers.slot import Slot
from modelyard_serving.workers.states import Backoff, ServerState, WorkerState, server_state
from modelyard_serving.workers.status import Exit, Status, write_status

FAILED_EXIT = 1
USAGE_EXIT = 2
_TICK_S = 0.25
_STATUS_EVERY_S = 1.5
_KILL_GRACE_S = 2.0
_WATCHDOG = "Timeout ("
"""How the watchdog inside a worker (`faulthandler`) begins what it writes before it ends the process."""
_MEGABYTE = 1024 * 1024
_log = logging.getLogger(__name__)


class Supervisor:
    """One model server. `run` returns its exit code."""

    def __init__(
        self,
        settings: Settings,
        *,
        listeners: Listeners,
        metrics_file: int,
        spawn: SpawnWorker,
        reload: Callable[[], Settings],
        handover: Handover | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._listeners = listeners
        self._metrics_file = metrics_file
        self._metrics = SharedMetrics(metrics_file)
        self._spawn = spawn
        self._reload = reload
        self._handover = handover or Handover()
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._slots: list[Slot] = []
        self._draining: list[Slot] = []
        self._tasks: dict[Slot, asyncio.Task[None]] = {}
        self._stop = asyncio.Event()
        self._broadcasts: Broadcasts[Slot] = Broadcasts()
        self._was_ready = False
        self._exit_code = 0
        self._written_at = float("-inf")
        self._last_tick = clock()
        self._address = address_of(listeners.http)
        self._grpc_address = None if listeners.grpc is None else address_of(listeners.grpc)
        self._has_closed = False
        self._not_ready_responders = not_ready_responders(
            listeners, version=served_version(settings), reason=self._why_not_ready
        )

    async def run(self) -> int:
        """Serve until a signal says stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.scale)
        self._handover.open(self._listeners, changed=self._on_change)
        self._grow(self._settings.workers)
        watch = loop.create_task(self._watch())
        await self._stop.wait()
        await self._drain()
        watch.cancel()
        if not self._has_closed:  # No worker finished the requests.
            for responder in self._not_ready_responders:
                if self._handover.is_served_by_peer:
                    responder.close()
                else:
                    await responder.finish()
            self._close()
        self._handover.close()
        return self._exit_code

    @property
    def state(self) -> ServerState:
        return server_state([slot.fact for slot in self._slots], is_draining=self._stop.is_set())

    def scale(self) -> None:
        """Read the configuration again and have as many workers as it says."""
        try:
            requested = self._reload().workers
        except UsageError as error:
            _log.error("the configuration was not applied: %s", error.message)
            return
        if self._stop.is_set():
            return
        _log.info("scaling from %d to %d workers", len(self._slots), requested)
        self._settings = replace(self._settings, workers=requested)
        self._grow(requested)
        while len(self._slots) > requested:
            self._drain_slot(max(self._slots, key=lambda slot: slot.index))
        self._on_change()

    def _grow(self, requested: int) -> None:
        while len(self._slots) < requested:
            taken = {slot.index for slot in self._slots}
            index = next(number for number in range(requested) if number not in taken)
            self._add(Slot(index=index, row=self._free_row()))
        self._on_change()

    def _free_row(self) -> int:
        taken = {slot.row for slot in (*self._slots, *self._draining)}
        return next(row for row in range(len(taken) + 1) if row not in taken)

    def _add(self, slot: Slot) -> None:
        self._slots.append(slot)
        task = asyncio.get_running_loop().create_task(self._run_slot(slot))
        self._tasks[slot] = task
        task.add_done_callback(lambda _: self._remove(slot))

    def _remove(self, slot: Slot) -> None:
        self._tasks.pop(slot, None)
        if slot in self._draining:
            self._draining.remove(slot)
        self._on_change()

    async def _run_slot(self, slot: Slot) -> None:
        """One process after the other, until the slot drains."""
        while True:
            await self._run_process(slot)
            if slot.is_draining or self._stop.is_set():
                return
            slot.restarts += 1
            await asyncio.sleep(self._backoff.delay(slot.failures))

    async def _run_process(self, slot: Slot) -> None:
        slot.move(WorkerState.STARTING)
        slot.started, slot.started_at, slot.ready_since, slot.kill_reason = self._clock(), datetime.now(UTC), None, None
        self._on_change()
        boot = boot_message(
            self._settings,
            index=slot.index,
            row=slot.row,
            listeners=self._listeners,
            metrics=self._metrics_file,
        )
        files = [*(listener.fileno() for listener in self._listeners.all), self._metrics_file]
        slot.worker = await self._spawn(boot=boot, files=files, on_message=partial(self._on_message, slot))
        if slot.is_draining:
            slot.worker.kill()
        code = await slot.worker.wait()
        self._on_exit(slot, code)

    def _on_message(self, slot: Slot, message: Message) -> None:
        slot.last_heartbeat = self._clock()
        match message.get("event"):
            case "ready" if slot.state is WorkerState.STARTING:
                slot.move(WorkerState.READY)
                slot.ready_since, self._was_ready = self._clock(), True
                slot.failures = 0
                if self._broadcasts.is_unloaded:
                    slot.send({"repository": "do", "verb": Command.UNLOAD, "round": None})
                self._on_change()
            case "repository":
                self._broadcast_command(slot, Command(message["verb"]), message["request_id"])
            case "repository-done":
                self._broadcasts.done(message["round"], slot, message["error"])
            case "closing" if self._stop.is_set():
                self._close()
            case "closed":
                slot.is_serving = False
                self._on_change()

    def _broadcast_command(self, requester: Slot, command: Command, request_id: int) -> None:
        """Have every ready worker do something with the model, and answer the one that asked for it."""

        def answer(error: str | None) -> None:
            requester.send({"repository": "done", "request_id": request_id, "error": error})

        members = [slot for slot in self._slots if slot.state is WorkerState.READY]
        number = self._broadcasts.begin(command, members, answer)
        for slot in members:
            slot.send({"repository": "do", "verb": command, "round": number})

    def _on_exit(self, slot: Slot, code: int) -> None:
        now = self._clock()
        if slot.ready_since is None or now - slot.ready_since < self._backoff.settled_s:
            slot.failures += 1
        slot.is_serving = False
        self._broadcasts.worker_exited(slot)
        self._metrics.clear_gauges(slot.row)
        if slot.state is not WorkerState.DRAINING:
            tail = slot.worker.log_tail if slot.worker else ""
            slot.last_exit = Exit(datetime.now(UTC), self._reason(slot, code), tail)
            _log.error("worker %d ended: %s", slot.index, slot.last_exit.reason)
            slot.move(WorkerState.BACKOFF)
            if code == USAGE_EXIT and not self._was_ready:
                self._exit_code = USAGE_EXIT
                self._stop.set()
            elif self._has_failed():
                _log.error("giving up after %d starts: %s", slot.failures, slot.last_exit.reason)
                self._exit_code = FAILED_EXIT
                self._stop.set()
        self._on_change()

    def _has_failed(self) -> bool:
        """Whether it is time to give up, so that whatever runs this server sees that it failed, and why."""
        attempts = self._settings.start_attempts
        return attempts is not None and all(
            slot.state is WorkerState.BACKOFF and slot.failures >= attempts for slot in self._slots
        )

    def _reason(self, slot: Slot, code: int) -> str:
        if slot.kill_reason is not None:
            return slot.kill_reason
        if code < 0:
            return f"killed by signal {-code}"
        if slot.worker is not None and _WATCHDOG in slot.worker.log_tail:
            return f"its event loop did not move for {self._settings.hang_timeout_s:g} s"
        reason = reason_of(slot.worker.log_tail) if slot.worker else ""
        return reason if code and reason else f"exited with code {code}"

    async def _watch(self) -> None:
        """Look at every worker a few times a second."""
        while True:
            await asyncio.sleep(_TICK_S)
            now = self._clock()
            if now - self._last_tick > 4 * _TICK_S:  # We were suspended: missed heartbeats are ours.
                for slot in (*self._slots, *self._draining):
                    slot.last_heartbeat = now
            self._last_tick = now
            for slot in (*self._slots, *self._draining):
                self._inspect(slot, now)
            if now - self._written_at >= _STATUS_EVERY_S:
                self._write()

    def _inspect(self, slot: Slot, now: float) -> None:
        if slot.worker is None or slot.state is WorkerState.BACKOFF or slot.kill_reason is not None:
            return
        settings = self._settings
        if slot.deadline is not None and now > slot.deadline:
            self._kill(slot, "did not leave in time")
        elif slot.state is WorkerState.STARTING and now - slot.started > settings.start_timeout_s:
            self._kill(slot, f"was not ready after {settings.start_timeout_s:g} s")
        elif slot.state is not WorkerState.STARTING and now - slot.last_heartbeat > settings.hang_timeout_s + _TICK_S:
            self._kill(slot, f"its event loop did not move for {settings.hang_timeout_s:g} s")
        elif settings.max_memory_mb is not None and not slot.is_draining:
            used, limit = (slot.worker.rss_bytes() or 0) // _MEGABYTE, settings.max_memory_mb
            if used > limit:
                self._replace_over_limit(slot, f"{used} MB of resident memory are over the {limit} MB limit")

    def _kill(self, slot: Slot, reason: str) -> None:
        slot.kill_reason = reason
        if slot.worker is not None:
            slot.worker.kill()

    def _replace_over_limit(self, slot: Slot, reason: str) -> None:
        """Replace a worker that took too much memory; it finishes what it has, unless it is not even ready."""
        if slot.state is not WorkerState.READY:
            self._kill(slot, reason)
            return
        _log.error("worker %d is replaced: %s", slot.index, reason)
        self._drain_slot(slot)
        ended = Exit(datetime.now(UTC), reason, slot.worker.log_tail if slot.worker else "")
        self._add(Slot(index=slot.index, row=self._free_row(), restarts=slot.restarts + 1, last_exit=ended))
        self._on_change()

    def _drain_slot(self, slot: Slot) -> None:
        """Drain one worker while others run: new connections go to them from now on."""
        self._slots.remove(slot)
        self._draining.append(slot)
        self._request_drain(slot, is_last=False)

    def _request_drain(self, slot: Slot, *, is_last: bool) -> None:
        slot.is_draining = True
        if slot.state is WorkerState.READY and slot.worker is not None:
            settings = self._settings
            slot.move(WorkerState.DRAINING)
            slot.is_serving = is_last
            slot.deadline = self._clock() + settings.lame_duck_s + settings.drain_timeout_s + _KILL_GRACE_S
            slot.worker.send({"command": "drain", "is_last": is_last})
            return
        if slot.state is WorkerState.STARTING:
            slot.move(WorkerState.DRAINING)
            if slot.worker is not None:
                slot.worker.kill()
        elif slot in self._tasks:
            self._tasks[slot].cancel()

    async def _drain(self) -> None:
        _log.info("stopping: not ready from now on, requests go on for %g s", self._settings.lame_duck_s)
        for slot in self._slots:
            self._request_drain(slot, is_last=not self._handover.is_served_by_peer)
        self._on_change()
        if tasks := list(self._tasks.values()):
            await asyncio.wait(tasks)
        self._write()

    def _close(self) -> None:
        """Accept no new connection. Accepted ones are left to the workers; the last worker closes the sockets."""
        if self._has_closed:
            return
        self._has_closed = True
        for responder in self._not_ready_responders:
            responder.close()
        if not self._handover.peers:  # Theirs are the same sockets.
            for listener in self._listeners.all:
                refuse_handshakes(listener)
        self._listeners.close()

    def _on_change(self) -> None:
        """Publish a state change: handover, responders, status file."""
        workers_serve = any(slot.is_serving for slot in (*self._slots, *self._draining))
        is_serving = self._has_closed or workers_serve
        self._handover.announce(is_serving=workers_serve)
        for responder in self._not_ready_responders:
            if is_serving or self._handover.is_served_by_peer:
                responder.close()
            else:
                responder.open()
        self._write()

    def _why_not_ready(self) -> str:
        if self._stop.is_set():
            return "the server is stopping"
        exits = [slot.last_exit for slot in self._slots if slot.last_exit is not None]
        return "the last one ended and is being replaced" if exits else "the model is being loaded"

    def _write(self) -> None:
        self._written_at = self._clock()
        if self._settings.status_file is None:
            return
        workers = [slot.status() for slot in sorted((*self._slots, *self._draining), key=lambda slot: slot.index)]
        status = Status(
            pid=os.getpid(),
            address=self._address,
            grpc_address=self._grpc_address,
            state=self.state,
            workers=workers,
        )
        try:
            write_status(Path(self._settings.status_file), status, now=datetime.now(UTC))
        except OSError as error:
            _log.error("the status file cannot be written: %s", error)
