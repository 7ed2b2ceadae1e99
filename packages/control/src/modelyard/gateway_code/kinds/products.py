"""Products in files: APIs that a key opens together, and how often."""

from collections.abc import Mapping

from modelyard.gateway_code.domain import Fields
from modelyard.gateway_code.kinds.all_pages import every
from modelyard.gateway_code.kinds.kind import without_preparation
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal
from modelyard.subscriptions.domain import Product
from modelyard.subscriptions.products import Products
from modelyard.subscriptions.schemas import ProductRequest


class ProductKind:
    """See `Kind`."""

    name = "products"
    identity = "product_id"
    body: type[RequestBody] = ProductRequest
    permission = Permission.SUBSCRIPTIONS_WRITE
    read_permission = Permission.GATEWAY_READ
    prepared = without_preparation

    def __init__(self, products: Products) -> None:
        self._products = products

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`."""
        found = every(lambda cursor: self._products.page(principal, limit=200, cursor=cursor))
        return {each.product_id: _declared(each) for each in found}

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. A file says all of one."""
        del current
        return fields

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`."""
        body = ProductRequest.model_validate(fields)
        self._products.create(
            principal,
            product_id=body.product_id,
            display_name=body.display_name,
            description=body.description,
            api_ids=body.api_ids,
            is_open=body.is_open,
            limits=body.limits.limits(),
        )

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        del current
        body = ProductRequest.model_validate(fields)
        self._products.change(
            principal,
            body.product_id,
            revision=None,
            display_name=body.display_name,
            description=body.description,
            api_ids=body.api_ids,
            is_open=body.is_open,
            limits=body.limits.limits(),
        )

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`."""
        self._products.delete(principal, key)


def _declared(product: Product) -> Fields:
    body = ProductRequest.model_validate(
        {
            "product_id": product.product_id,
            "display_name": product.display_name,
            "description": product.description,
            "api_ids": list(product.api_ids),
            "is_open": product.is_open,
            "limits": product.limits.to_json(),
        }
    )
    return body.model_dump(mode="json", exclude_defaults=True, exclude={"product_id"})
