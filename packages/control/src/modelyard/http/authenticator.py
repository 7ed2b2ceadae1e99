"""Who finds out who calls: what the HTTP layer asks of the noun that knows credentials."""

from typing import Protocol

from modelyard.principals import Principal


class Recalled(Protocol):
    """A caller who was let in when the database had counted so many changes, or more: at another count, nobody."""

    @property
    def principal(self) -> Principal:
        """Who it is."""

    @property
    def changes(self) -> int:
        """The count."""


class Authenticator(Protocol):
    """Knows callers by their `Authorization` header and the address that they come from."""

    def recall(self, authorization: str | None, *, address: str | None) -> Recalled | None:
        """Who was let in with this header a moment ago, without asking the database."""

    def authenticate(
        self, authorization: str | None, *, address: str | None = None, changes: int | None = None
    ) -> Principal:
        """The caller, who may be recalled once the database has counted `changes` and no more.

        Raises:
            Unauthenticated: nobody is known by it.
            Forbidden: somebody is, and is not let in.
        """
