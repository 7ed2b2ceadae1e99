"""Version sets in files."""

from collections.abc import Mapping

from modelyard.gateway.domain import VersionSet
from modelyard.gateway.schemas import VersionSetAnswer, VersionSetRequest
from modelyard.gateway.version_sets import VersionSets
from modelyard.gateway_code.domain import Fields
from modelyard.gateway_code.kinds.all_pages import every
from modelyard.gateway_code.kinds.kind import refuse_fixed, without_preparation
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal

_FIXED = ("versioning_scheme", "version_header_name", "version_query_name")
_CHANGEABLE = ("display_name", "description", "on_missing", "default_version")


class VersionSetBody(VersionSetRequest):
    """A version set."""

    version_set_id: str  # A file must say which one.


class VersionSetKind:
    """See `Kind`."""

    name = "version_sets"
    identity = "version_set_id"
    body: type[RequestBody] = VersionSetBody
    permission = Permission.GATEWAY_WRITE
    read_permission = Permission.GATEWAY_READ
    prepared = without_preparation

    def __init__(self, version_sets: VersionSets) -> None:
        self._version_sets = version_sets

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`."""
        found = every(lambda cursor: self._version_sets.page(principal, limit=200, cursor=cursor))
        return {each.version_set_id: _declared(each) for each in found}

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. A file says all of one."""
        del current
        return fields

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`."""
        body = VersionSetBody.model_validate(fields)
        self._version_sets.create(
            principal,
            version_set_id=body.version_set_id,
            display_name=body.display_name,
            description=body.description,
            scheme=body.versioning_scheme,
            header_name=body.version_header_name,
            query_name=body.version_query_name,
            on_missing=body.on_missing,
            default_version=body.default_version,
        )

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        body = VersionSetBody.model_validate(fields)
        refuse_fixed(fields, current, _FIXED, what="version set")
        changes = {name: getattr(body, name) for name in _CHANGEABLE}
        self._version_sets.change(principal, body.version_set_id, changes)

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`."""
        self._version_sets.delete(principal, key)


def _declared(version_set: VersionSet) -> Fields:
    shown = VersionSetAnswer.of(version_set).model_dump(include=set(VersionSetBody.model_fields))
    body = VersionSetBody.model_validate(shown)
    return body.model_dump(mode="json", exclude_defaults=True, exclude={"version_set_id"})
