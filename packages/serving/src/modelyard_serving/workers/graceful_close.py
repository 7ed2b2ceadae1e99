"""Closes a listening socket without losing a connection. The kernel completes handshakes by itself, so connections
queue for `accept`, and closing the socket resets them. The order is: block new handshakes, accept all, close."""

import asyncio
import ctypes
import select
import socket
import struct
import sys

_SO_ATTACH_FILTER = 26
"""`asm-generic/socket.h`; Python's socket module does not name it."""
_LOAD_BYTE, _JUMP_IF_SET, _RETURN = 0x30, 0x45, 0x06
_FLAGS, _SYN = 13, 0x02
"""The byte of a TCP header that holds its flags, and the flag of a connection's first packet."""
_DROP_SYN = (
    (_LOAD_BYTE, 0, 0, _FLAGS),
    (_JUMP_IF_SET, 0, 1, _SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFFFFFF),
)
"""A program of the kernel's packet filter: (code, jump if true, jump if false, operand)."""
_ACCEPT_TIMEOUT_S = 1.0


def refuse_handshakes(listener: socket.socket) -> bool:
    """Drop the SYN packets of new connections, for all processes that share the socket, permanently. Handshakes in
    progress complete. A new client repeats its SYN, and is refused once the socket is closed. Needs no privilege.

    Returns:
        whether the system can do that (Linux can). Elsewhere a caller that connects in the very instant between the
        last `accept` and the closing is reset.
    """
    if not sys.platform.startswith("linux"):
        return False
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN))
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
        )
    except OSError:
        return False
    return True


async def wait_until_accepted(listener: socket.socket) -> None:
    """Return when no connection waits to be accepted. The accepting is done on this event loop or by another
    process."""
    poll = select.poll()
    poll.register(listener.fileno(), select.POLLIN)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _ACCEPT_TIMEOUT_S
    while poll.poll(0) and loop.time() < deadline:  # noqa: ASYNC110  # The loop itself accepts meanwhile.
        await asyncio.sleep(0)
