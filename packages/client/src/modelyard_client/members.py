"""Members of the caller's tenant: people and services, each with a role."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_COLLECTION = "/api/v1/access/members"


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member. `kind` is person or service, `role` viewer, developer, approver or admin."""

    subject: str
    kind: str
    role: str
    created_at: datetime | None
    created_by: str | None

    @classmethod
    def from_json(cls, value: object) -> "Member":
        """Read a member of the API."""
        fields = Fields(value, noun="member")
        return cls(
            subject=fields.text("subject"),
            kind=fields.text("kind"),
            role=fields.text("role"),
            created_at=fields.optional_time("created_at"),
            created_by=fields.optional_text("created_by"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who calls: a member of a tenant."""

    tenant_id: str
    subject: str
    role: str

    @classmethod
    def from_json(cls, value: object) -> "Identity":
        """Read an identity of the API."""
        fields = Fields(value, noun="identity")
        return cls(tenant_id=fields.text("tenant_id"), subject=fields.text("subject"), role=fields.text("role"))


class Members:
    """`client.members`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def whoami(self) -> Identity:
        """The caller."""
        return Identity.from_json(self._transport.get("/api/v1/access/whoami"))

    def list(self, *, limit: int | None = None) -> Iterator[Member]:
        """Members by name, fetched page by page as they are asked for."""
        pages = self._transport.pages(_COLLECTION, plural="members", query={}, limit=limit)
        return (Member.from_json(item) for item in pages)

    def add(self, subject: str, *, role: str, kind: str = "person") -> Member:
        """Let a person or a service be a member.

        Raises:
            Conflict: they are one already.
            Forbidden: the role carries more than the caller has.
        """
        return Member.from_json(self._transport.post(_COLLECTION, {"subject": subject, "role": role, "kind": kind}))

    def change_role(self, subject: str, role: str) -> Member:
        """Give a member another role, which counts from its next request on."""
        return Member.from_json(self._transport.patch(_path(subject), {"role": role}))

    def remove(self, subject: str) -> None:
        """End a membership, and revoke the member's tokens.

        Raises:
            Conflict: it is the only administrator.
        """
        self._transport.send("DELETE", _path(subject))


def _path(subject: str) -> str:
    return path("api", "v1", "access", "members", subject)
