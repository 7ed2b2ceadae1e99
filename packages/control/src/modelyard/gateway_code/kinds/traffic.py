"""Splits of traffic in files: how the requests of a model are divided between its versions."""

from collections.abc import Mapping

from pydantic import Field

from modelyard.gateway_code.domain import Fields
from modelyard.gateway_code.kinds.kind import without_preparation
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal
from modelyard.traffic.domain import Traffic
from modelyard.traffic.schemas import TrafficBody
from modelyard.traffic.service import TrafficService

_REASON = "a file was applied"


class ModelTrafficBody(TrafficBody):
    """The split of one model."""

    model_name: str = Field(min_length=1, max_length=255)


class TrafficKind:
    """See `Kind`."""

    name = "traffic"
    identity = "model_name"
    body: type[RequestBody] = ModelTrafficBody
    permission = Permission.RELEASES_WRITE
    read_permission = Permission.GATEWAY_READ
    prepared = without_preparation

    def __init__(self, traffic: TrafficService) -> None:
        self._traffic = traffic

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`."""
        return {each.model_name: _declared(each) for each in self._traffic.of_tenant(principal)}

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. The reason is of a change, and no part of what is."""
        del current
        return {name: value for name, value in fields.items() if name != "reason"}

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`."""
        body = ModelTrafficBody.model_validate(fields)
        self._traffic.set(principal, body.model_name, body.split(), revision=None, reason=body.reason or _REASON)

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        del current
        self.create(principal, fields)

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`."""
        self._traffic.remove(principal, key, revision=None, reason=_REASON)


def _declared(traffic: Traffic) -> Fields:
    body = ModelTrafficBody.model_validate({"model_name": traffic.model_name, **traffic.split.to_json()})
    return body.model_dump(mode="json", exclude_defaults=True, exclude={"model_name", "reason"})
