"""Subscriptions in files, by name. Their keys are not: whoever may, has `modelyard subscriptions regenerate` make them.

Applying a file makes a subscription with keys that nobody has seen, so that none stands in the log of a pipeline.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from modelyard.errors import NotFound
from modelyard.gateway_code.domain import Fields
from modelyard.gateway_code.kinds.kind import refuse_fixed, without_preparation
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal
from modelyard.subscriptions.domain import Subscription
from modelyard.subscriptions.schemas import SubscriptionRequest
from modelyard.subscriptions.service import Subscriptions
from modelyard.subscriptions.states import SubscriptionStatus

_FIXED = ("scope",)
_DECLARABLE = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED})


class SubscriptionBody(SubscriptionRequest):
    """A subscription."""

    name: str = Field(min_length=1, max_length=80)  # A file must say which one.
    status: Annotated[SubscriptionStatus, Field(strict=False)] = SubscriptionStatus.ACTIVE

    @field_validator("status")
    @classmethod
    def _is_declarable(cls, status: SubscriptionStatus) -> SubscriptionStatus:
        if status not in _DECLARABLE:
            raise ValueError("expected 'active' or 'suspended'; what no file names is cancelled by --prune")
        return status


class SubscriptionKind:
    """See `Kind`."""

    name = "subscriptions"
    identity = "name"
    body: type[RequestBody] = SubscriptionBody
    permission = Permission.SUBSCRIPTIONS_WRITE
    read_permission = Permission.SUBSCRIPTIONS_READ
    prepared = without_preparation

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`."""
        return {str(each.name): _declared(each) for each in self._subscriptions.named(principal)}

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. A file says all of one."""
        del current
        return fields

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`. The keys are forgotten at once."""
        body = SubscriptionBody.model_validate(fields)
        made, _ = self._subscriptions.create(
            principal,
            name=body.name,
            display_name=body.display_name,
            scope=body.scope.scope(),
            expires_at=body.expires_at,
            client=None if body.client is None else body.client.client(),
            limits=body.limits.limits(),
        )
        self._subscriptions.move(principal, made.subscription_id, body.status)

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        body = SubscriptionBody.model_validate(fields)
        refuse_fixed(fields, current, _FIXED, what="subscription")
        subscription_id = self._id_of(principal, body.name)
        wanted: dict[str, Any] = {
            "display_name": body.display_name,
            "client": None if body.client is None else body.client.client(),
            "limits": body.limits.limits(),
        }
        if fields.get("expires_at") != current.get("expires_at"):  # One that is over is no error of every file.
            wanted["expires_at"] = body.expires_at
        self._subscriptions.change(principal, subscription_id, revision=None, **wanted)
        self._subscriptions.move(principal, subscription_id, body.status)

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`. It is cancelled, and its name is free again."""
        self._subscriptions.move(principal, self._id_of(principal, key), SubscriptionStatus.CANCELLED)

    def _id_of(self, principal: Principal, name: str) -> str:
        for each in self._subscriptions.named(principal):
            if each.name == name:
                return each.subscription_id
        raise NotFound(f"there is no subscription with the name '{name}'", code="subscription_not_found")


def _declared(subscription: Subscription) -> Fields:
    client = subscription.client
    body = SubscriptionBody.model_validate(
        {
            "name": subscription.name,
            "display_name": subscription.display_name,
            "scope": {"kind": subscription.scope.kind, "name": subscription.scope.name},
            "expires_at": subscription.expires_at,
            "client": None if client is None else {"issuer_id": client.issuer_id, "name": client.name},
            "limits": subscription.limits.to_json(),
            "status": subscription.status,
        }
    )
    return body.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
