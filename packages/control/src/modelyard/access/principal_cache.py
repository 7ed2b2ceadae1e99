"""Callers who were authenticated within the last minute. An entry holds while the database has counted no change."""

from dataclasses import dataclass
from datetime import datetime

from modelyard.access.domain import token_digest
from modelyard.principals import Principal

_MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A caller who was authenticated, and until when that may be cached; None: not at all."""

    principal: Principal
    until: datetime | None


@dataclass(frozen=True, slots=True)
class CachedPrincipal:
    """A caller who was authenticated when the number of changes was this one. At another number it is nobody."""

    principal: Principal
    change_number: int


class PrincipalCache:
    """By the digest of the `Authorization` header; at ten thousand entries all are dropped."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, Authenticated]] = {}

    def put(self, authorization: str, authenticated: Authenticated, *, change_number: int) -> None:
        """Add one that was authenticated at this number of changes, or at a later one."""
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries.clear()
        self._entries[token_digest(authorization)] = (change_number, authenticated)

    def get(self, authorization: str, *, now: datetime) -> CachedPrincipal | None:
        """The caller behind the header, who counts if the number of changes is still the same."""
        change_number, authenticated = self._entries.get(token_digest(authorization), (0, None))
        if authenticated is None or authenticated.until is None or authenticated.until <= now:
            return None
        return CachedPrincipal(authenticated.principal, change_number)
