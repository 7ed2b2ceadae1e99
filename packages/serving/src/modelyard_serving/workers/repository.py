"""Loads and unloads the model in every worker: a worker requests it from the supervisor, and applies it when the
supervisor says so."""

import asyncio
import itertools
import logging
from collections.abc import Callable

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.executor import Executor
from modelyard_serving.metadata import ServedModel
from modelyard_serving.workers.broadcasts import Command
from modelyard_serving.workers.channel import Message

_log = logging.getLogger(__name__)


class SharedRepository:
    """The repository that the data plane of one worker uses."""

    def __init__(
        self, plane: DataPlane, *, send: Callable[[Message], None], load: Callable[[], tuple[ServedModel, Executor]]
    ) -> None:
        self._plane = plane
        self._send = send
        self._load = load
        self._request_ids = itertools.count()
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Every worker loads the model anew."""
        await self._request(Command.LOAD)

    async def unload(self) -> None:
        """Every worker unloads the model."""
        await self._request(Command.UNLOAD)

    def on_message(self, message: Message) -> None:
        """A message of the supervisor about the model."""
        match message:
            case {"repository": "do", "verb": verb, "round": number}:
                task = asyncio.get_running_loop().create_task(self._apply(Command(verb), number))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case {"repository": "done", "request_id": request_id, "error": error}:
                self._complete(request_id, error)

    async def _request(self, command: Command) -> None:
        request_id = next(self._request_ids)
        self._pending[request_id] = asyncio.get_running_loop().create_future()
        self._send({"event": "repository", "verb": command, "request_id": request_id})
        await self._pending[request_id]

    def _complete(self, request_id: int, error: str | None) -> None:
        future = self._pending.pop(request_id, None)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(ServingError(error, kind=Kind.INVALID))

    async def _apply(self, command: Command, number: int) -> None:
        error = None
        try:
            if command is Command.UNLOAD:
                self._plane.unload()
            else:
                self._plane.replace(*await asyncio.to_thread(self._load))
        except ServingError as raised:
            error = raised.message
        except Exception:  # noqa: BLE001  # A model of the user may raise anything when it is loaded.
            _log.exception("the model was not loaded")
            error = "the model could not be loaded; the log says why"
        self._send({"event": "repository-done", "round": number, "error": error})
