"""What products and subscriptions may name: APIs of the gateway and models, which other nouns own."""

from typing import Protocol

from sqlalchemy import Connection

from modelyard.errors import Invalid
from modelyard.principals import Principal


class KnownTargets(Protocol):
    """Knows the APIs and models of a tenant, as the caller's transaction sees them: who holds the tenant's lock in it
    knows that none of them is deleted before its end."""

    def has_api(self, connection: Connection, principal: Principal, api_id: str) -> bool:
        """Whether the caller's tenant has this API."""

    def has_model(self, connection: Connection, principal: Principal, model_name: str) -> bool:
        """Whether the caller's tenant has this model."""


def check_api(connection: Connection, known: KnownTargets, principal: Principal, api_id: str, *, field: str) -> None:
    """Refuse an API that there is not.

    Raises:
        Invalid: code `api_unknown`.
    """
    if not known.has_api(connection, principal, api_id):
        raise Invalid(f"{field}: there is no API {api_id[:90]!r}", code="api_unknown", field=field)


def check_model(
    connection: Connection, known: KnownTargets, principal: Principal, model_name: str, *, field: str
) -> None:
    """Refuse a model that there is not.

    Raises:
        Invalid: code `model_unknown`.
    """
    if not known.has_model(connection, principal, model_name):
        raise Invalid(f"{field}: there is no model {model_name[:90]!r}", code="model_unknown", field=field)
