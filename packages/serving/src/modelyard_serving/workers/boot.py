"""The boot message of a worker: the first message on its channel, and the file descriptors that it inherits."""

import socket
import sys
from dataclasses import dataclass

import orjson

from modelyard_serving.metrics.shared_memory import SharedMetrics
from modelyard_serving.settings import Settings
from modelyard_serving.workers.channel import Message
from modelyard_serving.workers.listener import Listeners


@dataclass(frozen=True, slots=True)
class Boot:
    """The decoded boot message."""

    settings: Settings
    index: int
    row: int
    """Its row of the shared metrics."""
    channel: socket.socket
    listeners: Listeners
    metrics: SharedMetrics


def boot_message(settings: Settings, *, index: int, row: int, listeners: Listeners, metrics: int) -> Message:
    """The boot message, with the numbers of the inherited file descriptors."""
    return {
        "settings": settings.plain(),
        "index": index,
        "row": row,
        "listeners": [listener.fileno() for listener in listeners.all],
        "ledger": metrics,
    }


def receive_boot(channel: socket.socket) -> Boot:
    """Wait for the boot message. Without a supervisor the process exits."""
    channel.setblocking(True)  # noqa: FBT003  # The socket module takes it by position.
    line = bytearray()
    while not line.endswith(b"\n"):
        part = channel.recv(1)  # Not a byte more: what follows is the event loop's.
        if not part:
            sys.exit(1)
        line += part
    message: Message = orjson.loads(line)
    return Boot(
        settings=Settings.of(message["settings"]),
        index=message["index"],
        row=message["row"],
        channel=channel,
        listeners=Listeners(*(socket.socket(fileno=number) for number in message["listeners"])),
        metrics=SharedMetrics(message["ledger"]),
    )
