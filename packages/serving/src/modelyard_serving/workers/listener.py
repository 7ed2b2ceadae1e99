"""The listening sockets that all workers share. The supervisor creates them and owns the addresses."""

import socket
from dataclasses import dataclass

from modelyard_serving.errors import UsageError

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where one server listens: HTTP always, gRPC when it was asked for."""

    http: socket.socket
    grpc: socket.socket | None = None

    @property
    def all(self) -> list[socket.socket]:
        return [self.http] if self.grpc is None else [self.http, self.grpc]

    def close(self) -> None:
        for listener in self.all:
            listener.close()


def open_listeners(host: str, port: int, grpc_port: int | None = None) -> Listeners:
    """The sockets of one server.

    Raises:
        UsageError: the host is unknown or an address is taken.
    """
    http = open_listener(host, port)
    if grpc_port is None:
        return Listeners(http)
    try:
        return Listeners(http, open_listener(host, grpc_port, option="--grpc-port"))
    except UsageError:
        http.close()
        raise


def address_of(listener: socket.socket) -> str:
    """`host:port`."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_listener(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A listening socket, inheritable and not blocking. `option` is the option that an error names.

    Raises:
        UsageError: the host is unknown or the address is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise UsageError(f"host {host!r} is not known: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with {option}") from error
    listener.setblocking(False)  # noqa: FBT003  # The socket module takes them by position.
    listener.set_inheritable(True)
    return listener
