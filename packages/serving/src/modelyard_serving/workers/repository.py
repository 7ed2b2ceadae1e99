"""A worker's side of loading and unloading the model in every worker: it asks the supervisor for all of them, and does
what it is told for itself."""

import asyncio
import itertools
import logging
from collections.abc import Callable

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.described import ServedModel
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.executor import Executor
from modelyard_serving.workers.channel import Message
from modelyard_serving.workers.rounds import Verb

_log = logging.getLogger(__name__)


class SharedRepository:
    """The repository that the data plane of one worker uses."""

    def __init__(
        self, plane: DataPlane, *, send: Callable[[Message], None], load: Callable[[], tuple[ServedModel, Executor]]
    ) -> None:
        self._plane = plane
        self._send = send
        self._load = load
        self._tickets = itertools.count()
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._jobs: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Every worker loads the model anew."""
        await self._ask(Verb.LOAD)

    async def unload(self) -> None:
        """Every worker lets the model go."""
        await self._ask(Verb.UNLOAD)

    def on_message(self, message: Message) -> None:
        """A message of the supervisor about the model."""
        match message:
            case {"repository": "do", "verb": verb, "round": number}:
                job = asyncio.get_running_loop().create_task(self._do(Verb(verb), number))
                self._jobs.add(job)
                job.add_done_callback(self._jobs.discard)
            case {"repository": "done", "ticket": ticket, "error": error}:
                self._answer(ticket, error)

    async def _ask(self, verb: Verb) -> None:
        ticket = next(self._tickets)
        self._asked[ticket] = asyncio.get_running_loop().create_future()
        self._send({"event": "repository", "verb": verb, "ticket": ticket})
        await self._asked[ticket]

    def _answer(self, ticket: int, error: str | None) -> None:
        asked = self._asked.pop(ticket, None)
        if asked is None or asked.done():
            return
        if error is None:
            asked.set_result(None)
        else:
            asked.set_exception(ServingError(error, kind=Kind.INVALID))

    async def _do(self, verb: Verb, number: int) -> None:
        error = None
        try:
            if verb is Verb.UNLOAD:
                self._plane.unload()
            else:
                self._plane.replace(*await asyncio.to_thread(self._load))
        except ServingError as raised:
            error = raised.message
        except Exception:  # noqa: BLE001  # A model of the user may raise anything when it is loaded.
            _log.exception("the model was not loaded")
            error = "the model could not be loaded; the log says why"
        self._send({"event": "repository-done", "round": number, "error": error})
