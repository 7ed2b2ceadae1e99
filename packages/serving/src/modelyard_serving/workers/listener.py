"""The listening socket that all workers share. Who makes it owns the address for as long as the server lives."""

import socket

from modelyard_serving.errors import UsageError

BACKLOG = 2048


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket, inheritable and not blocking.

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
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
    listener.setblocking(False)  # noqa: FBT003  # The socket module takes them by position.
    listener.set_inheritable(True)
    return listener
