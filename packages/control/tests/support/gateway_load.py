"""Versions of a model that cost nothing, and callers that notice every request that is lost: in one event loop.

A version answers after as many milliseconds as it is asked to take, with its number in `modelyard-version`.
"""

import asyncio
import itertools
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import grpc.aio

HOST = "127.0.0.1"
METHOD = "/inference.GRPCInferenceService/ModelInfer"
_DURATIONS = (1, 1, 5, 1, 20, 1, 1, 100, 1, 5, 1, 400, 1, 1, 2000, 1, 1, 8000)
"""Milliseconds of a caller's predictions, one after the other."""


@dataclass
class Version:
    """A server of one version: HTTP/1.1 and gRPC."""

    number: int
    started_at: float = field(default_factory=time.monotonic)
    retired_at: float | None = None
    """Since when nobody should be sent there."""
    port: int = 0
    grpc_port: int = 0
    active: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _http: asyncio.Server | None = None
    _grpc: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen on two free ports."""
        self._http = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._http.sockets[0].getsockname()[1]
        self._grpc = grpc.aio.server()
        self._grpc.add_generic_rpc_handlers((_Handler(self),))
        self.grpc_port = self._grpc.add_insecure_port(f"{HOST}:0")
        await self._grpc.start()

    async def stop(self) -> None:
        """End what has begun, and listen no more."""
        while self.active:  # noqa: ASYNC110  # A test may look again and again.
            await asyncio.sleep(0.02)
        if self._http is not None:
            self._http.close()
            for writer in list(self._writers):
                writer.close()
            await self._http.wait_closed()
        if self._grpc is not None:
            await self._grpc.stop(None)

    async def predict(self, milliseconds: int) -> bytes:
        """Take as long as asked."""
        self.active += 1
        try:
            await asyncio.sleep(milliseconds / 1000)
        finally:
            self.active -= 1
        return str(self.number).encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(headers.get("content-length", 0)))
                body = await self.predict(int(headers.get("x-milliseconds", 0)))
                length = f"content-length: {len(body)}\r\nmodelyard-version: {self.number}\r\n\r\n"
                writer.write(f"HTTP/1.1 200 OK\r\n{length}".encode() + body)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types.
    def __init__(self, version: Version) -> None:
        self._version = version

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def infer(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            return await self._version.predict(int(request))

        return grpc.unary_unary_rpc_method_handler(infer)


@dataclass
class Load:
    """Callers that keep their connections. `lost`: what was not answered; `stale`: what was by who had gone."""

    port: int
    tls_port: int
    versions: dict[int, Version]
    answered: Counter[str] = field(default_factory=Counter)
    by_version: Counter[int] = field(default_factory=Counter)
    connections: int = 0
    lost: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    is_over: bool = False

    async def run(self, *, http: int, tls: int, grpc_calls: int) -> None:
        """Call until it `is_over`."""
        secure = ssl.create_default_context()
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
        callers = [
            *(self._http(index, None) for index in range(http)),
            *(self._http(index, secure) for index in range(tls)),
            *(self._grpc(index) for index in range(grpc_calls)),
        ]
        await asyncio.gather(*callers)

    async def _http(self, index: int, secure: ssl.SSLContext | None) -> None:
        port = self.port if secure is None else self.tls_port
        path = "/release/v2/models/m/infer" if index % 2 else "/m/v2/models/m/infer"
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for milliseconds in self._durations(index):
            if connection is None:
                connection = await asyncio.open_connection(HOST, port, ssl=secure)
                self.connections += 1
            begun = time.monotonic()
            try:
                text, closes = await self._ask(*connection, path, milliseconds)
            except (OSError, asyncio.IncompleteReadError, ValueError) as exc:
                self.lost.append(f"{path} {milliseconds} ms: {exc!r}")
                text, closes = "", True
            if closes:
                connection[1].close()
                connection = None
            self._note("https" if secure else "http", begun, text, f"{path} {milliseconds} ms")
        if connection is not None:
            connection[1].close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, milliseconds: int
    ) -> tuple[str, bool]:
        head = f"POST {path} HTTP/1.1\r\nhost: gateway\r\nx-milliseconds: {milliseconds}\r\ncontent-length: 2\r\n\r\n"
        writer.write(head.encode() + b"{}")
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        text = body if " 200 " in f"{lines[0]} " else f"{lines[0]}: {body}"
        return text, headers.get("connection") == "close"

    async def _grpc(self, index: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(f"{HOST}:{self.port}", options=options) as channel:
            self.connections += 1
            call = channel.unary_unary(METHOD)
            for milliseconds in self._durations(index):
                begun = time.monotonic()
                try:
                    text = (await call(str(milliseconds).encode())).decode()
                except grpc.aio.AioRpcError as exc:
                    text = f"{exc.code()}: {exc.details()}"
                self._note("grpc", begun, text, f"grpc {milliseconds} ms")

    def _durations(self, index: int) -> Iterator[int]:
        for milliseconds in itertools.islice(itertools.cycle(_DURATIONS), index, None):
            if self.is_over:
                return
            yield milliseconds

    def _note(self, kind: str, begun: float, text: str, what: str) -> None:
        if not text.isdecimal():
            if text:
                self.lost.append(f"{what}: {text}")
            return
        self.answered[kind] += 1
        self.by_version[int(text)] += 1
        retired_at = self.versions[int(text)].retired_at
        if retired_at is not None and begun > retired_at:
            self.stale.append(f"{what}: version {text}, {begun - retired_at:.3f} s after it had gone")
