"""Hands over listening sockets between servers, so that one can replace another without losing a connection.

Each server of a folder listens on a unix socket in it. To a server that connects it passes its listening sockets, which
are then shared, and both announce whether they serve clients. While a peer serves, a server that does not leaves the
clients to it.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from modelyard_serving.errors import UsageError
from modelyard_serving.workers.channel import Channel, Message
from modelyard_serving.workers.listener import Listeners, address_of, open_listener, open_listeners

_REPLY_TIMEOUT_S = 5.0
_BIND_TIMEOUT_S = 10.0
"""How long to look for the server that holds the address: two may start at the same time."""
_BIND_RETRY_S = 0.1
_MAX_PATH_BYTES = 90
"""A unix socket's path has at most 107 characters."""
_MAX_FILES = 2


@dataclass(slots=True, eq=False)
class _Peer:
    """Another server at the same address, over a connection that lasts as long as both run."""

    end: socket.socket
    is_serving: bool
    channel: Channel | None = None


@dataclass(slots=True)
class Handover:
    """The peers of this server in its folder. Without a folder there are none."""

    folder: Path | None = None
    peers: list[_Peer] = field(default_factory=list)
    _is_serving: bool = False
    _socket: socket.socket | None = None

    @property
    def is_served_by_peer(self) -> bool:
        """Whether a peer serves the clients of this address."""
        return any(peer.is_serving for peer in self.peers)

    def open(self, listeners: Listeners, *, changed: Callable[[], None]) -> None:
        """Pass the listening sockets to every server that connects, from now on, on the running event loop."""
        if self.folder is None:
            return
        for peer in self.peers:
            self._subscribe(peer, changed)
        self._socket = _socket(self.folder)
        asyncio.get_running_loop().add_reader(self._socket, self._accept, listeners, changed)

    def announce(self, *, is_serving: bool) -> None:
        """Announce to all peers whether this server serves clients."""
        if is_serving != self._is_serving:
            self._is_serving = is_serving
            for peer in self.peers:
                if peer.channel is not None:
                    peer.channel.send({"answers": is_serving})

    def close(self) -> None:
        """Stop."""
        if self._socket is not None and self.folder is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            _socket_path(self.folder).unlink(missing_ok=True)
            self._socket.close()
        for peer in self.peers:
            if peer.channel is not None:
                peer.channel.close()

    def _accept(self, listeners: Listeners, changed: Callable[[], None]) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(OSError):
            end, _ = self._socket.accept()
            end.setblocking(True)  # noqa: FBT003  # The socket module takes it by position.
            end.settimeout(_REPLY_TIMEOUT_S)
            hello = {"addresses": [address_of(one) for one in listeners.all], "answers": self._is_serving}
            socket.send_fds(end, [orjson.dumps(hello) + b"\n"], [one.fileno() for one in listeners.all])
            peer = _Peer(end, is_serving=False)
            self.peers.append(peer)
            self._subscribe(peer, changed)

    def _subscribe(self, peer: _Peer, changed: Callable[[], None]) -> None:
        def on_message(message: Message) -> None:
            peer.is_serving = bool(message.get("answers"))
            changed()

        def on_close() -> None:
            self.peers.remove(peer)
            changed()

        peer.channel = Channel(peer.end)
        peer.channel.listen(on_message, on_close)
        peer.channel.send({"answers": self._is_serving})


def join(folder: str | None, host: str, port: int, grpc_port: int | None = None) -> tuple[Listeners, Handover]:
    """The listening sockets of a server: those of another one in its folder, else of its own.

    Raises:
        UsageError: the host is unknown, an address is used by another program, or the folder cannot be used.
    """
    if folder is None:
        return open_listeners(host, port, grpc_port), Handover()
    path = _created(folder)
    deadline = time.monotonic() + _BIND_TIMEOUT_S
    while True:
        handover = Handover(path)
        listeners = _take_over(handover, host, port, grpc_port)
        if listeners is not None:
            return listeners, handover
        try:
            return open_listeners(host, port, grpc_port), handover
        except UsageError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_BIND_RETRY_S)


def _take_over(handover: Handover, host: str, port: int, grpc_port: int | None) -> Listeners | None:
    found: list[socket.socket] = []
    for path in sorted(handover.folder.glob("*.sock")) if handover.folder is not None else ():
        if path.name == _socket_path(path.parent).name:
            continue
        with _connected(path) as end:
            received = None if end is None else _receive_sockets(end)
            if end is None or received is None:
                continue
            hello, sockets = received
            handover.peers.append(_Peer(end.dup(), is_serving=bool(hello["answers"])))
            found = found or sockets
            for extra in sockets if found is not sockets else ():
                extra.close()
    if not found:
        return None
    _check_addresses(found, host, port, grpc_port)
    http, *more = found
    if grpc_port is None:
        for extra in more:
            extra.close()
        return Listeners(http)
    return Listeners(http, more[0] if more else open_listener(host, grpc_port, option="--grpc-port"))


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[socket.socket | None]:
    """A connection to the server at this socket; None where there is none, and then the socket is removed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(_REPLY_TIMEOUT_S)
        try:
            end.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            yield None
        except OSError:  # It hangs; its own supervisor will end it.
            yield None
        else:
            yield end


def _receive_sockets(end: socket.socket) -> tuple[Message, list[socket.socket]] | None:
    try:
        content, files, _, _ = socket.recv_fds(end, 4096, _MAX_FILES)
    except OSError:
        return None
    sockets = [socket.socket(fileno=number) for number in files]
    if not sockets:
        return None
    for one in sockets:
        one.setblocking(False)  # noqa: FBT003  # The socket module takes it by position.
        one.set_inheritable(True)
    *_, last = content.splitlines()
    return {"answers": False} | orjson.loads(last), sockets


def _check_addresses(sockets: Sequence[socket.socket], host: str, port: int, grpc_port: int | None) -> None:
    for one, (option, requested) in zip(sockets, (("port", port), ("grpc_port", grpc_port)), strict=False):
        has = one.getsockname()[1]
        if requested not in {None, 0, has}:
            raise UsageError(
                f"{option} is {requested}, and the server that hands over listens on {address_of(one)}; "
                f"servers of one handover folder share their addresses (host {host})"
            )


def _created(folder: str) -> Path:
    path = Path(folder)
    if len(os.fsencode(_socket_path(path))) > _MAX_PATH_BYTES:
        raise UsageError(f"handover {folder} is too long for a unix socket; expected {_MAX_PATH_BYTES - 20} characters")
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"handover {folder} cannot be made: {error.strerror}") from error
    return path


def _socket_path(folder: Path) -> Path:
    return folder / f"{os.getpid()}.sock"


def _socket(folder: Path) -> socket.socket:
    """This server's unix socket; it appears in the folder when it can be connected to."""
    temporary = folder / f".{os.getpid()}"
    temporary.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)  # noqa: FBT003  # The socket module takes it by position.
    listener.bind(os.fspath(temporary))
    listener.listen()
    temporary.rename(_socket_path(folder))
    return listener
