"""The port of authentication: what the HTTP layer asks of the noun that knows credentials."""

from typing import Protocol

from modelyard.principals import Principal


class CachedPrincipal(Protocol):
    """A caller who was authenticated when the number of changes was this one. At another number it is nobody."""

    @property
    def principal(self) -> Principal:
        """The caller."""

    @property
    def change_number(self) -> int:
        """The number of changes."""


class Authenticator(Protocol):
    """Knows callers by their `Authorization` header and the address that they come from."""

    def cached_principal(self, authorization: str | None, *, address: str | None) -> CachedPrincipal | None:
        """The caller who was authenticated with this header a moment ago. Does not query the database."""

    def authenticate(
        self, authorization: str | None, *, address: str | None = None, change_number: int | None = None
    ) -> Principal:
        """The caller, who is cached when `change_number` is given.

        Raises:
            Unauthenticated: the credentials are missing or not accepted.
            Forbidden: the caller is known, and may not come in.
        """
