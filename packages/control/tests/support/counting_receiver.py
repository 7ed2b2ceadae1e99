"""A quick receiver of webhooks: it keeps nothing of a request but its id, thousands a second."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HEADERS = re.compile(rb"(?i)^(webhook-id|content-length): *([^\r]+)\r$", re.MULTILINE)
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def counting() -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and the ids of what it has got so far, in a thread for as long as the block runs."""
    ids: list[bytes] = []
    started: list[str] = []
    is_listening = threading.Event()
    loop = asyncio.new_event_loop()
    stopped = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                found = dict(_HEADERS.findall(await reader.readuntil(b"\r\n\r\n")))
                fields = {name.lower(): value for name, value in found.items()}
                await reader.readexactly(int(fields[b"content-length"]))
                ids.append(fields[b"webhook-id"])
                writer.write(_TAKEN)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        started.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        is_listening.set()
        await stopped.wait()
        server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    is_listening.wait(timeout=10)
    try:
        yield started[0], ids
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
