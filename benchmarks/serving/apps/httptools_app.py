"""The floor of our own stack: httptools on uvloop, which reads a body and answers bytes that it holds ready."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import httptools
import uvloop


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


ANSWERS = {
    f"/{path.name}".encode(): _response(path.read_bytes())
    for path in Path(os.environ["MODELYARD_BENCH_ANSWERS"]).iterdir()
}


class Echo(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """The parser met the target."""
        self._url = url

    def on_message_complete(self) -> None:
        """The parser met the end of a request."""
        self._transport.write(ANSWERS[self._url])


async def serve(port: int) -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
