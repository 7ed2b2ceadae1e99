"""Who hears of events: a server of somebody else's, at an address that somebody else chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What became of a post. Without a code there was no answer, and `error` says why."""

    code: int | None
    milliseconds: int
    error: str | None = None
    retry_after: timedelta | None = None
    """How long the receiver asks us to wait."""

    @property
    def is_success(self) -> bool:
        """Whether the receiver took it."""
        return self.code is not None and 200 <= self.code < 300


class Receivers(Protocol):
    """Posts to receivers.

    It follows no redirect, asks no proxy, keeps no cookie, and reads no more of an answer than it needs. It connects to
    public addresses only, and to others that the operator allows; what an address is, is decided at the moment of
    connecting, on the very address that is connected to.
    """

    def refusal(self, url: str) -> str | None:
        """Why this address cannot be posted to, asked when it is set; None if it may be.

        The name is looked up, for a bounded time. A name without an address is not refused, since it may get one. Where
        it leads is asked again at each connection.
        """
        ...

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        """Post once. It ends within a bounded time and never raises for what the receiver or the network does."""
        ...

    async def close(self) -> None:
        """Close the connections that are kept."""
        ...
