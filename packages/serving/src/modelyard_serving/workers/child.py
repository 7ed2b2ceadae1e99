"""The main program of a worker process: load the model, warm it up, serve until it has to drain. Started by the
supervisor only.

Exit codes: 0 after draining, 2 when the model cannot be served with these settings (one sentence on stderr), 1
otherwise.
"""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING, Protocol

import uvloop

from modelyard_serving.errors import InvalidModel, ServingError
from modelyard_serving.grpc import has_grpc
from modelyard_serving.http.routes import build_app
from modelyard_serving.http.server import HttpServer
from modelyard_serving.loading import load, load_model
from modelyard_serving.logs import configure_logs
from modelyard_serving.metrics.recorder import Recorder
from modelyard_serving.workers.boot import Boot, receive_boot
from modelyard_serving.workers.channel import Channel, Message
from modelyard_serving.workers.graceful_close import wait_until_accepted
from modelyard_serving.workers.memory import resident_bytes
from modelyard_serving.workers.repository import SharedRepository

if TYPE_CHECKING:
    from modelyard_serving.grpc.server import GrpcServer

_HEARTBEAT_INTERVAL_S = 0.5
_SWITCH_INTERVAL_S = 0.001
"""The interpreter's switch interval: a computing thread must not delay health checks."""
_HANDSHAKE_S = 0.25
"""How long handshakes in progress may take to complete before the listening socket is closed."""
_log = logging.getLogger(__name__)


class Server(Protocol):
    """The interface of a worker to the server of each transport."""

    @property
    def in_flight(self) -> int:
        """Requests without a response yet."""

    async def start(self, listener: socket.socket) -> None:
        """Accept connections from now on."""

    def begin_drain(self) -> None:
        """Make clients reconnect for their next request."""

    def stop_accepting(self) -> None:
        """Accept no new connections, and keep the open ones."""

    async def stop(self, timeout_s: float) -> bool:
        """Finish the requests in flight, and stop; whether all were finished in time."""


class Child:
    """One worker: the servers of one loaded model, and the supervisor's commands."""

    def __init__(self, boot: Boot, *, loop: asyncio.AbstractEventLoop) -> None:
        settings = boot.settings
        self._settings = settings
        self._listeners = boot.listeners
        self._channel = Channel(boot.channel)
        self._loop = loop
        self._recorder = Recorder(boot.metrics.row(boot.row))
        self._plane = load(settings, loop=loop, recorder=self._recorder)
        self._repository = SharedRepository(
            self._plane,
            send=self._channel.send,
            load=partial(load_model, settings, loop=loop, recorder=self._recorder),
        )
        if settings.allow_repository_control:
            self._plane.repository = self._repository
        app = build_app(
            self._plane,
            metrics=boot.metrics,
            max_body_bytes=settings.max_body_bytes,
            request_timeout_s=settings.request_timeout_s,
        )
        self._metrics = boot.metrics
        self._http = HttpServer(
            app,
            loop=loop,
            max_body_bytes=settings.max_body_bytes,
            sources=settings.sources(),
            version=self._plane.served.version,
            open_http2=self._open_http2 if has_grpc() else None,
        )
        self._grpc = self._grpc_server() if boot.listeners.grpc is not None else None
        self._drain_requested: asyncio.Future[bool] = loop.create_future()

    @property
    def _servers(self) -> list["Server"]:
        return [self._http] if self._grpc is None else [self._http, self._grpc]

    def _open_http2(self) -> asyncio.Protocol:
        """gRPC on the port of HTTP. Its libraries are loaded when the first client speaks it."""
        if self._grpc is None:
            self._grpc = self._grpc_server()
        return self._grpc.open_connection()

    def _grpc_server(self) -> "GrpcServer":
        from modelyard_serving.grpc.server import GrpcServer  # noqa: PLC0415  # Its libraries are an extra.
        from modelyard_serving.grpc.service import ModelService  # noqa: PLC0415  # As above.
        from modelyard_serving.grpc.status import ResponseHeads  # noqa: PLC0415  # As above.

        settings = self._settings
        service = ModelService(
            self._plane, self._metrics, sources=settings.sources(), request_timeout_s=settings.request_timeout_s
        )
        return GrpcServer(
            service,
            loop=self._loop,
            max_message_bytes=settings.max_body_bytes,
            heads=ResponseHeads(self._plane.served.version),
        )

    async def serve(self) -> None:
        """Serve until draining is done."""
        self._channel.listen(self._on_message, self._on_orphaned)
        self._loop.add_signal_handler(signal.SIGTERM, self._request_drain)
        for server, listener in self._listening():
            await server.start(listener)
        self._send_heartbeat()
        self._channel.send({"event": "ready"})
        await self._drain(is_last=await self._drain_requested)

    def _on_message(self, message: Message) -> None:
        if message.get("command") == "drain":
            self._request_drain(is_last=bool(message["is_last"]))
        else:
            self._repository.on_message(message)

    def _on_orphaned(self) -> None:
        _log.error("the supervisor is gone: draining, and leaving the address to the next one")
        self._request_drain(is_last=False)

    def _request_drain(self, *, is_last: bool = True) -> None:
        if not self._drain_requested.done():
            self._drain_requested.set_result(is_last)

    def _send_heartbeat(self) -> None:
        """Send a heartbeat to the supervisor, and reset the watchdog, which needs no interpreter lock."""
        faulthandler.dump_traceback_later(self._settings.hang_timeout_s, exit=True)
        self._channel.send({"event": "heartbeat"})
        in_flight = sum(server.in_flight for server in self._servers)
        self._recorder.set_gauges(in_flight=in_flight, queued=self._plane.queued, rss_bytes=resident_bytes() or 0)
        if self._plane.drift is not None:
            self._plane.drift.flush()
        self._loop.call_later(_HEARTBEAT_INTERVAL_S, self._send_heartbeat)

    async def _drain(self, *, is_last: bool) -> None:
        """Drain without losing a request. The last workers serve for the lame-duck period, not ready, and then every
        client that has connected; a worker that leaves others running accepts no new connection and finishes its
        own."""
        for server in self._servers:
            server.begin_drain()
        if is_last:
            await self._close_listeners()
        else:
            for server in self._servers:
                server.stop_accepting()
        self._channel.send({"event": "closed"})
        if not is_last:
            await asyncio.sleep(max(_HANDSHAKE_S, self._settings.lame_duck_s))
        if not await self._stop_servers():
            _log.error("stopped with unfinished requests after %g s", self._settings.drain_timeout_s)
        for observer in self._plane.observers:
            observer.close()
        if self._plane.drift is not None:
            self._plane.drift.close()

    async def _close_listeners(self) -> None:
        """On the `closing` message the supervisor blocks new connections; then all that have begun are accepted."""
        self._plane.begin_drain()
        await asyncio.sleep(self._settings.lame_duck_s)
        self._channel.send({"event": "closing"})
        await asyncio.sleep(_HANDSHAKE_S)
        for server, listener in self._listening():
            await wait_until_accepted(listener)
            server.stop_accepting()

    def _listening(self) -> "list[tuple[Server, socket.socket]]":
        """The servers with their listening sockets; gRPC may have none of its own."""
        return list(zip(self._servers, self._listeners.all, strict=False))

    async def _stop_servers(self) -> bool:
        """HTTP first, which until then may hand a connection over to gRPC; whether every request was answered."""
        until = self._loop.time() + self._settings.drain_timeout_s
        is_clean = await self._http.stop(self._settings.drain_timeout_s)
        if self._grpc is None:
            return is_clean
        return await self._grpc.stop(max(0.0, until - self._loop.time())) and is_clean


def main() -> None:
    """The entry of a worker process; its one argument is the number of the channel's file."""
    boot = receive_boot(socket.socket(fileno=int(sys.argv[1])))
    configure_logs(boot.settings.log_level, worker=boot.index)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    code = _run(boot, loop)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)  # Threads that still predict would keep the interpreter from ending.


def _run(boot: Boot, loop: asyncio.AbstractEventLoop) -> int:
    try:
        child = Child(boot, loop=loop)
    except InvalidModel as error:
        print(error.message, file=sys.stderr)  # noqa: T201  # One sentence for a person, not a log line.
        return 2
    except ServingError as error:
        print(error.message, file=sys.stderr)  # noqa: T201  # As above.
        return 1
    except BaseException:  # noqa: BLE001  # A user's model may raise anything; its traceback belongs to the log.
        traceback.print_exc()
        return 1
    gc.collect()
    gc.freeze()  # What was loaded stays: the collector need not look at it again.
    loop.run_until_complete(child.serve())
    return 0


if __name__ == "__main__":
    main()
