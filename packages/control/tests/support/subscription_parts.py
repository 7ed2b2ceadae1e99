"""The noun of subscriptions, built as `main` builds it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.key_sets.fake import FakeKeySets
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.principals import Principal
from modelyard.subscriptions.access_tables import AccessTables
from modelyard.subscriptions.products import Products
from modelyard.subscriptions.published_keys import PublishedKeys
from modelyard.subscriptions.rules import Issuers, LimitsOfApis
from modelyard.subscriptions.service import Subscriptions
from modelyard.subscriptions.usage import Usage


class Known:
    """Every tenant has these APIs and these models."""

    meanwhile: Callable[[], None] | None = None
    """Called whenever an API is looked for."""

    def has_api(self, connection: Connection, principal: Principal, api_id: str) -> bool:
        """See the port."""
        if self.meanwhile is not None:
            self.meanwhile()
        return api_id in {"churn", "risk"}

    def has_model(self, connection: Connection, principal: Principal, model_name: str) -> bool:
        """See the port."""
        return model_name == "iris"


@dataclass(frozen=True)
class Parts:
    """All of the noun."""

    products: Products
    subscriptions: Subscriptions
    issuers: Issuers
    published: PublishedKeys
    key_sets: FakeKeySets
    limits: LimitsOfApis
    usage: Usage
    tables: AccessTables
    known: Known
    audit: AuditLog


def subscription_parts(database: Database, clock: ManualClock) -> Parts:
    """Over one database."""
    audit, known, key_sets = AuditLog(database=database, clock=clock), Known(), FakeKeySets()
    published = PublishedKeys(
        database=database, clock=clock, audit=audit, key_sets=key_sets, every=timedelta(minutes=5)
    )
    usage = Usage(database=database, clock=clock)
    return Parts(
        products=Products(database=database, clock=clock, audit=audit, known=known),
        subscriptions=Subscriptions(database=database, clock=clock, audit=audit, known=known),
        issuers=Issuers(database=database, clock=clock, audit=audit, published=published),
        published=published,
        key_sets=key_sets,
        limits=LimitsOfApis(database=database, clock=clock, audit=audit, known=known),
        usage=usage,
        tables=AccessTables(database=database, clock=clock, usage=usage),
        audit=audit,
        known=known,
    )
