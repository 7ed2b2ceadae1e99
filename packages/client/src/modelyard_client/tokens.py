"""Tokens of one's own; for administrators, those of all members of the tenant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_COLLECTION = "/api/v1/access/tokens"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token, without its secret. `scopes` is None when it carries its member's whole role."""

    token_id: str
    subject: str
    name: str
    scopes: tuple[str, ...] | None
    created_at: datetime | None
    created_by: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Token":
        """Read a token of the API."""
        fields = Fields(value, noun="token")
        return cls(
            token_id=fields.text("token_id"),
            subject=fields.text("subject"),
            name=fields.text("name"),
            scopes=None if fields.value("scopes") is None else tuple(fields.items("scopes")),
            created_at=fields.optional_time("created_at"),
            created_by=fields.optional_text("created_by"),
            expires_at=fields.optional_time("expires_at"),
            revoked_at=fields.optional_time("revoked_at"),
            last_used_at=fields.optional_time("last_used_at"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class NewToken:
    """A new token. The secret cannot be read again."""

    token: Token
    secret: str

    @classmethod
    def from_json(cls, value: object) -> "NewToken":
        """Read a new token of the API."""
        fields = Fields(value, noun="new token")
        return cls(token=Token.from_json(fields.value("token")), secret=fields.text("secret"))


class Tokens:
    """`client.tokens`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None) -> Iterator[Token]:
        """Tokens, newest first, fetched page by page as they are asked for; revoked and expired ones too."""
        pages = self._transport.pages(_COLLECTION, plural="tokens", query={}, limit=limit)
        return (Token.from_json(item) for item in pages)

    def create(
        self,
        name: str,
        *,
        subject: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_seconds: int | None = None,
    ) -> NewToken:
        """Make a token; its secret is returned only here.

        Args:
            name: what it is for.
            subject: whose it is; one's own without one.
            scopes: permissions like `models:read` to which it is narrowed; the whole role without any.

        Raises:
            Forbidden: it would carry more than the caller has.
        """
        body = {
            "name": name,
            "subject": subject,
            "scopes": None if scopes is None else list(scopes),
            "expires_in_seconds": expires_in_seconds,
        }
        return NewToken.from_json(self._transport.post(_COLLECTION, body))

    def revoke(self, token_id: str) -> Token:
        """Revoke a token, at once and for ever.

        Raises:
            NotFound: there is no such token, or it is not one's own to revoke.
        """
        return Token.from_json(self._transport.delete(path("api", "v1", "access", "tokens", token_id)))
