"""Ports of loopback that nobody listens on."""

import socket


def free_ports(count: int) -> list[int]:
    """So many, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
