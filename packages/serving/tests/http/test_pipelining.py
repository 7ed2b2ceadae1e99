"""Requests of one connection are answered in their order, whenever their answers come."""

import asyncio

import pytest
from planes import ANYWHERE

from modelyard_serving.execution.future import Future
from modelyard_serving.http.connection import Connection, ConnectionContext
from modelyard_serving.http.exchange import Request, Response

pytestmark = pytest.mark.anyio


class Later:
    """Promises every answer."""

    def __init__(self) -> None:
        self.futures: dict[str, Future[Response]] = {}

    def handle(self, request: Request) -> Future[Response]:
        return self.futures.setdefault(request.path, Future())

    def answer(self, path: str) -> None:
        self.futures[path].complete(Response(200, path.encode()))


class Written(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answers.append(bytes(data).partition(b"\r\n\r\n")[2])

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        """It was never paused."""


async def test_what_comes_between_an_answer_and_the_next_one_waits_its_turn() -> None:
    app, written = Later(), Written()
    loop = asyncio.get_running_loop()
    connection = Connection(
        ConnectionContext(app=app, loop=loop, max_body_bytes=1000, sources=ANYWHERE, common=b"\r\n", now=loop.time())
    )
    connection.connection_made(written)
    for path in ("/a", "/b"):
        connection.data_received(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    app.answer("/a")
    connection.data_received(b"GET /c HTTP/1.1\r\nhost: x\r\n\r\n")
    for path in ("/b", "/c"):
        await asyncio.sleep(0)
        app.answer(path)
    assert written.answers == [b"/a", b"/b", b"/c"]
