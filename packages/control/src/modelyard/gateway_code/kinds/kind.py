"""What a kind of declared objects must know to be applied and exported."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from modelyard.errors import Conflict
from modelyard.gateway_code.domain import Fields
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal


class Kind(Protocol):
    """One kind. Its calls go through the services of the noun, with their rules and audit entries.

    `create`, `change` and `delete` raise what those services raise; the caller undoes everything then.
    """

    @property
    def name(self) -> str:
        """The list of a file in which its objects stand: `apis`."""

    @property
    def identity(self) -> str:
        """The field that says which one: `api_id`."""

    @property
    def body(self) -> type[RequestBody]:
        """The fields of one, with their defaults."""

    @property
    def permission(self) -> Permission:
        """What a caller needs to change one."""

    @property
    def read_permission(self) -> Permission:
        """What a caller needs to see them in an export."""

    def prepared(self, principal: Principal, declared: Mapping[str, Fields]) -> AbstractContextManager[object]:
        """What must be asked of others before the transaction begins, by identity what is declared. The answers hold
        inside of the block."""

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """Those that there are, as a file would declare them, by their identity."""

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """What is declared of one that is there, with what a declaration may leave as it is."""

    def create(self, principal: Principal, fields: Fields) -> None:
        """Make one."""

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """Make one that is there as declared: every field that is not declared gets its default."""

    def delete(self, principal: Principal, key: str) -> None:
        """Delete one that is there."""


def without_preparation(
    _: Kind, principal: Principal, declared: Mapping[str, Fields]
) -> AbstractContextManager[object]:
    """The `prepared` of a kind that asks nobody."""
    del principal, declared
    return nullcontext()


def refuse_fixed(fields: Fields, current: Fields, names: tuple[str, ...], *, what: str) -> None:
    """What callers rely on stays as it was made.

    Raises:
        Conflict: code `field_fixed`.
    """
    for name in names:
        if fields.get(name) != current.get(name):
            raise Conflict(
                f"{name}: it stays what it was when the {what} was made, {current.get(name)!r}; declare another {what}",
                code="field_fixed",
                field=name,
            )
