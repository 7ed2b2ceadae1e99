"""Reads and writes subscriptions and products."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, tuple_, update

from modelyard.paging import Page, decode_cursor, decode_time_cursor, encode_cursor, encode_time_cursor
from modelyard.subscriptions.domain import Client, Product, Scope, ScopeKind, Subscription
from modelyard.subscriptions.limits import Limits
from modelyard.subscriptions.states import SubscriptionStatus
from modelyard.subscriptions.tables import products, subscriptions


def add_product(connection: Connection, product: Product) -> None:
    """Insert a product."""
    connection.execute(
        insert(products).values(
            tenant_id=product.tenant_id,
            id=product.product_id,
            display_name=product.display_name,
            description=product.description,
            api_ids=list(product.api_ids),
            is_open=product.is_open,
            limits=product.limits.to_json(),
            created_by=product.created_by,
            created_at=product.created_at,
            updated_at=product.updated_at,
            revision=product.revision,
        )
    )


def change_product(connection: Connection, product: Product, **values: Any) -> bool:
    """Write some columns, if nobody else did since the product was read."""
    statement = update(products).where(
        products.c.tenant_id == product.tenant_id,
        products.c.id == product.product_id,
        products.c.revision == product.revision,
    )
    return connection.execute(statement.values(revision=product.revision + 1, **values)).rowcount == 1


def remove_product(connection: Connection, product: Product) -> None:
    """Delete a product."""
    connection.execute(
        delete(products).where(products.c.tenant_id == product.tenant_id, products.c.id == product.product_id)
    )


def find_product(connection: Connection, tenant_id: str, product_id: str) -> Product | None:
    """One product of a tenant."""
    query = select(products).where(products.c.tenant_id == tenant_id, products.c.id == product_id)
    row = connection.execute(query).first()
    return None if row is None else product_of(row)


def page_of_products(connection: Connection, tenant_id: str, *, limit: int, cursor: str | None) -> Page[Product]:
    """Products of a tenant by id."""
    query = select(products).where(products.c.tenant_id == tenant_id)
    if cursor is not None:
        (after,) = decode_cursor(cursor, parts=1)
        query = query.where(products.c.id > after)
    rows = connection.execute(query.order_by(products.c.id).limit(limit + 1)).all()
    items = [product_of(row) for row in rows[:limit]]
    return Page(items, encode_cursor(items[-1].product_id) if len(rows) > limit else None)


def every_product(connection: Connection, tenant_id: str | None = None) -> list[Product]:
    """Those of one tenant, or of all."""
    query = select(products).order_by(products.c.tenant_id, products.c.id)
    if tenant_id is not None:
        query = query.where(products.c.tenant_id == tenant_id)
    return [product_of(row) for row in connection.execute(query)]


def add(connection: Connection, subscription: Subscription) -> None:
    """Insert a subscription."""
    connection.execute(
        insert(subscriptions).values(
            id=subscription.subscription_id,
            tenant_id=subscription.tenant_id,
            name=subscription.name,
            display_name=subscription.display_name,
            scope_kind=subscription.scope.kind,
            scope_name=subscription.scope.name,
            status=subscription.status,
            primary_digest=subscription.primary_digest,
            secondary_digest=subscription.secondary_digest,
            primary_changed_at=subscription.primary_changed_at,
            secondary_changed_at=subscription.secondary_changed_at,
            expires_at=subscription.expires_at,
            limits=subscription.limits.to_json(),
            created_by=subscription.created_by,
            created_at=subscription.created_at,
            updated_at=subscription.updated_at,
            revision=subscription.revision,
            **client_columns(subscription.client),
        )
    )


def client_columns(client: Client | None) -> dict[str, str | None]:
    """Whom tokens stand for, as columns."""
    return {
        "issuer_id": None if client is None else client.issuer_id,
        "client": None if client is None else client.name,
    }


def change(connection: Connection, subscription: Subscription, **values: Any) -> bool:
    """Write some columns, if nobody else did since the subscription was read."""
    statement = update(subscriptions).where(
        subscriptions.c.id == subscription.subscription_id, subscriptions.c.revision == subscription.revision
    )
    return connection.execute(statement.values(revision=subscription.revision + 1, **values)).rowcount == 1


def find(connection: Connection, tenant_id: str, subscription_id: str) -> Subscription | None:
    """One subscription of a tenant."""
    query = select(subscriptions).where(subscriptions.c.id == subscription_id, subscriptions.c.tenant_id == tenant_id)
    row = connection.execute(query).first()
    return None if row is None else subscription_of(row)


def find_named(connection: Connection, tenant_id: str, name: str) -> Subscription | None:
    """The subscription of a tenant that has a name."""
    query = select(subscriptions).where(subscriptions.c.tenant_id == tenant_id, subscriptions.c.name == name)
    row = connection.execute(query).first()
    return None if row is None else subscription_of(row)


def named(connection: Connection, tenant_id: str) -> list[Subscription]:
    """Those of a tenant that have a name, by name."""
    query = select(subscriptions).where(subscriptions.c.tenant_id == tenant_id, subscriptions.c.name.is_not(None))
    return [subscription_of(row) for row in connection.execute(query.order_by(subscriptions.c.name))]


def find_by_digest(connection: Connection, digest: str) -> Subscription | None:
    """The one that has a key with this hash, of whichever tenant."""
    is_one = or_(subscriptions.c.primary_digest == digest, subscriptions.c.secondary_digest == digest)
    row = connection.execute(select(subscriptions).where(is_one).limit(1)).first()
    return None if row is None else subscription_of(row)


def count(connection: Connection, tenant_id: str) -> int:
    """How many a tenant has that are not cancelled."""
    query = select(func.count()).where(
        subscriptions.c.tenant_id == tenant_id, subscriptions.c.status != SubscriptionStatus.CANCELLED
    )
    return connection.execute(query).scalar_one()


def is_used(
    connection: Connection, tenant_id: str, *, product_id: str | None = None, issuer_id: str | None = None
) -> bool:
    """Whether a subscription that is not cancelled needs this product, or this issuer."""
    needs = [subscriptions.c.issuer_id == issuer_id] if issuer_id is not None else []
    if product_id is not None:
        needs.append((subscriptions.c.scope_kind == ScopeKind.PRODUCT) & (subscriptions.c.scope_name == product_id))
    query = select(subscriptions.c.id).where(
        subscriptions.c.tenant_id == tenant_id, subscriptions.c.status != SubscriptionStatus.CANCELLED, or_(*needs)
    )
    return connection.execute(query.limit(1)).first() is not None


def client_is_taken(connection: Connection, tenant_id: str, client: Client) -> bool:
    """Whether tokens of this client stand for a subscription already."""
    query = select(subscriptions.c.id).where(
        subscriptions.c.tenant_id == tenant_id,
        subscriptions.c.issuer_id == client.issuer_id,
        subscriptions.c.client == client.name,
    )
    return connection.execute(query.limit(1)).first() is not None


def page(
    connection: Connection, tenant_id: str, *, limit: int, cursor: str | None, scope: Scope | None
) -> Page[Subscription]:
    """Subscriptions of a tenant, newest first; those with a scope when it is named."""
    query = select(subscriptions).where(subscriptions.c.tenant_id == tenant_id)
    if scope is not None:
        query = query.where(subscriptions.c.scope_kind == scope.kind, subscriptions.c.scope_name == scope.name)
    if cursor is not None:
        query = query.where(tuple_(subscriptions.c.created_at, subscriptions.c.id) < decode_time_cursor(cursor))
    query = query.order_by(subscriptions.c.created_at.desc(), subscriptions.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    items = [subscription_of(row) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return Page(items, None if last is None else encode_time_cursor(last.created_at, last.subscription_id))


def of_api(connection: Connection, tenant_id: str, api_id: str) -> Sequence[Subscription]:
    """Those to one API alone that are not cancelled."""
    query = select(subscriptions).where(
        subscriptions.c.tenant_id == tenant_id,
        subscriptions.c.scope_kind == ScopeKind.API,
        subscriptions.c.scope_name == api_id,
        subscriptions.c.status != SubscriptionStatus.CANCELLED,
    )
    return [subscription_of(row) for row in connection.execute(query.order_by(subscriptions.c.id))]


def every_active(connection: Connection) -> Sequence[Subscription]:
    """Those of all tenants whose keys open something, as far as the clock allows."""
    query = select(subscriptions).where(subscriptions.c.status == SubscriptionStatus.ACTIVE)
    return [subscription_of(row) for row in connection.execute(query.order_by(subscriptions.c.id))]


def product_of(row: Row[Any]) -> Product:
    """A row of `gateway_products` as the domain knows it."""
    return Product(
        product_id=row.id,
        tenant_id=row.tenant_id,
        display_name=row.display_name,
        description=row.description,
        api_ids=tuple(row.api_ids),
        is_open=row.is_open,
        limits=Limits.of_json(row.limits),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )


def subscription_of(row: Row[Any]) -> Subscription:
    """A row of `gateway_subscriptions` as the domain knows it."""
    return Subscription(
        subscription_id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        display_name=row.display_name,
        scope=Scope(ScopeKind(row.scope_kind), row.scope_name),
        status=SubscriptionStatus(row.status),
        primary_digest=row.primary_digest,
        secondary_digest=row.secondary_digest,
        primary_changed_at=row.primary_changed_at,
        secondary_changed_at=row.secondary_changed_at,
        expires_at=row.expires_at,
        client=None if row.issuer_id is None else Client(row.issuer_id, row.client),
        limits=Limits.of_json(row.limits),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
