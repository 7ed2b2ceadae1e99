"""Receivers in memory: the fake. It stores what it was posted, and responds as configured."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelyard.ports.receiver import Reply

_TAKEN = Reply(code=204, milliseconds=1)


@dataclass(frozen=True, slots=True)
class Post:
    """What was posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class FakeReceivers:
    """The port `Receivers`."""

    posts: list[Post] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    """For the next posts; those after them are taken."""
    refused: str | None = None

    def refusal(self, url: str) -> str | None:  # noqa: ARG002 - the port's
        """See the port."""
        return self.refused

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        """See the port."""
        self.posts.append(Post(url, dict(headers), body))
        return self.replies.popleft() if self.replies else _TAKEN

    async def close(self) -> None:
        """See the port."""
