"""Version sets in files."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

from pydantic import Field, model_validator

from modelyard.gateway.domain import OnMissing, VersioningScheme, VersionSet
from modelyard.gateway_code.domain import Fields
from modelyard.http.bodies import RequestBody
from modelyard.principals import Permission, Principal


class VersionSetBody(RequestBody):
    """A version set."""

    version_set_id: str = Field(min_length=1)
    display_name: str
    description: str = ""
    versioning_scheme: VersioningScheme
    header_name: str | None = None
    query_name: str | None = None
    on_missing: OnMissing = OnMissing.ORIGINAL
    default_version: str | None = None

    @model_validator(mode="after")
    def _has_its_parameter(self) -> Self:
        """The name of the header, or of the query parameter, as the scheme asks for."""
        for name, scheme in (("header_name", VersioningScheme.HEADER), ("query_name", VersioningScheme.QUERY)):
            if (getattr(self, name) is not None) != (self.versioning_scheme is scheme):
                raise ValueError(f"{name}: expected with the scheme {scheme.value}, and with no other one")
        return self

    @property
    def parameter(self) -> str | None:
        """The header's or the query parameter's name."""
        return self.header_name if self.query_name is None else self.query_name


class VersionSetVerbs(Protocol):
    """What the gateway does with version sets."""

    def all(self, principal: Principal) -> Mapping[str, VersionSet]:
        """Those that there are, by id."""

    def create(self, principal: Principal, version_set_id: str, values: Mapping[str, Any]) -> None:
        """Make one. The values are fields of `VersionSet`."""

    def change(self, principal: Principal, version_set_id: str, values: Mapping[str, Any]) -> None:
        """Change what is named."""

    def delete(self, principal: Principal, version_set_id: str) -> None:
        """Delete one that has no APIs."""


class VersionSets:
    """See `Kind`."""

    name = "version_sets"
    identity = "version_set_id"
    body: type[RequestBody] = VersionSetBody
    permission = Permission.GATEWAY_WRITE

    def __init__(self, verbs: VersionSetVerbs) -> None:
        self._verbs = verbs

    def current(self, principal: Principal) -> Mapping[str, Fields]:
        """See `Kind`."""
        return {key: _declared(each) for key, each in self._verbs.all(principal).items()}

    def completed(self, fields: Fields, current: Fields) -> Fields:
        """See `Kind`. A file says all of one."""
        del current
        return fields

    def create(self, principal: Principal, fields: Fields) -> None:
        """See `Kind`."""
        self._verbs.create(principal, fields[self.identity], _values(fields))

    def change(self, principal: Principal, fields: Fields, current: Fields) -> None:
        """See `Kind`."""
        before = _values({self.identity: fields[self.identity], **current})
        changed = {name: value for name, value in _values(fields).items() if before[name] != value}
        self._verbs.change(principal, fields[self.identity], changed)

    def delete(self, principal: Principal, key: str) -> None:
        """See `Kind`."""
        self._verbs.delete(principal, key)


def _values(fields: Fields) -> dict[str, Any]:
    body = VersionSetBody.model_validate(fields, strict=False)
    return {
        "display_name": body.display_name,
        "description": body.description,
        "scheme": body.versioning_scheme,
        "parameter": body.parameter,
        "on_missing": body.on_missing,
        "default_version": body.default_version,
    }


def _declared(version_set: VersionSet) -> Fields:
    body = VersionSetBody(
        version_set_id=version_set.version_set_id,
        display_name=version_set.display_name,
        description=version_set.description,
        versioning_scheme=version_set.scheme,
        header_name=version_set.parameter if version_set.scheme is VersioningScheme.HEADER else None,
        query_name=version_set.parameter if version_set.scheme is VersioningScheme.QUERY else None,
        on_missing=version_set.on_missing,
        default_version=version_set.default_version,
    )
    return body.model_dump(mode="json", exclude_defaults=True, exclude={"version_set_id"})
