"""Which version of an API a request chooses: the rules of a version set as conditions, in order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelyard.gateway.compile.listing import listed
from modelyard.gateway.compile.spelling import parent_and_name
from modelyard.gateway.domain import Api, OnMissing, VersioningScheme, VersionSet
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.table import Match, MatchKind, Respond, ValueMatch

_NUMBERED = "[vV]?[0-9][^/]*"
"""A segment that anybody would take for a version, so that a request for one that is not there gets no other."""
_PROTOCOL = "v2"
"""With this the paths of the Open Inference Protocol begin: `/ml-model/v2/models/…`."""


@dataclass(frozen=True, slots=True)
class Address:
    """A path, and conditions on headers or the query."""

    path: str
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()

    def match(self) -> Match:
        """The path and all below it."""
        return Match(path=self.path, grpc=False, headers=self.headers, query=self.query)

    def at_revision(self, number: int) -> "Address":
        """The same for one revision."""
        return Address(f"{self.path};rev={number}", self.headers, self.query)

    def with_parameter(self, pattern: str) -> Match:
        """The path with anything behind a semicolon in its last segment."""
        parent, name = parent_and_name(self.path)
        segments = (f"{re.escape(name)};{pattern}",)
        return Match(path=parent, segments=segments, grpc=False, headers=self.headers, query=self.query)


@dataclass(frozen=True, slots=True)
class Choice:
    """What answers at an address: an API, or the gateway."""

    name: str
    address: Address
    answer: Api | Respond
    pattern: Match | None = None
    """In place of the address, where it holds for other requests than those."""

    is_protocol: bool = False
    """Whether it holds for what only a model server takes."""

    @property
    def match(self) -> Match:
        """What it holds for."""
        return self.address.match() if self.pattern is None else self.pattern


def choices(base: str, version_set: VersionSet | None, apis: Sequence[Api], now: datetime) -> Iterator[Choice]:
    """What answers below a path, the first that matches. Every request below it matches one."""
    if version_set is None:
        yield Choice("all", Address(base), apis[0])
        return
    versions = sorted((api for api in apis if api.api_version is not None), key=lambda api: str(api.api_version))
    offered = [api for api in versions if api.status_at(now) is not ApiStatus.RETIRED]
    unknown = Respond(
        404, "api_version_unknown", f"this version of the API does not exist: expected one of {_listed(offered)}"
    )
    without = _without_version(version_set, apis, offered)
    if version_set.scheme is VersioningScheme.SEGMENT:
        yield from _by_segment(base, versions, without, unknown)
    else:
        yield from _by_value(base, version_set, versions, without, unknown)


def _by_segment(base: str, versions: Sequence[Api], without: Api | Respond, unknown: Respond) -> Iterator[Choice]:
    for api in versions:
        yield Choice(str(api.api_version), Address(f"{base}/{api.api_version}"), api)
    is_taken = any(api.api_version == _PROTOCOL for api in versions)
    if isinstance(without, Api) and not is_taken:
        yield from _protocol_paths(base, without)
    names = "|".join([_NUMBERED, *(f"(?i:{re.escape(str(api.api_version))})(?:;[^/]*)?" for api in versions)])
    yield Choice("unknown", Address(base), unknown, Match(path=base, segments=(f"(?:{names})",), grpc=False))
    yield Choice("without", Address(base), without)
    if isinstance(without, Respond):
        yield Choice("parameter", Address(base), without, Address(base).with_parameter("[^/]*"))


def _protocol_paths(base: str, api: Api) -> Iterator[Choice]:
    """Without a version `v2`, the model's own paths below `/v2` are not taken for one."""
    # The address stays the base, so that only the base is taken from the path: the server gets `/v2/…`.
    yield Choice("protocol", Address(base), api, Match(path=f"{base}/{_PROTOCOL}", grpc=False), is_protocol=True)


def _by_value(
    base: str, version_set: VersionSet, versions: Sequence[Api], without: Api | Respond, unknown: Respond
) -> Iterator[Choice]:
    name = str(version_set.parameter)
    is_header = version_set.scheme is VersioningScheme.HEADER
    title = f"the header '{name}'" if is_header else f"the query parameter '{name}'"
    parent, last = parent_and_name(base)

    def address(kind: MatchKind, value: str | None = None) -> Address:
        condition = (ValueMatch(name.lower() if is_header else name, kind, value),)
        return Address(base, headers=condition if is_header else (), query=() if is_header else condition)

    def whole(kind: MatchKind) -> Match:
        """The base with or without a revision."""
        conditions = address(kind)
        segments = (f"{re.escape(last)}(?:;[^/]*)?",)
        return Match(path=parent, segments=segments, grpc=False, headers=conditions.headers, query=conditions.query)

    twice = Respond(400, "api_version_ambiguous", f"{title} is given more than once: expected one version")
    yield Choice("twice", Address(base), twice, whole(MatchKind.REPEATED))
    if not is_header:
        other = Respond(400, "api_version_misspelled", f"expected {title} in exactly this spelling")
        yield Choice("misspelled", Address(base), other, whole(MatchKind.MISSPELLED))
    for api in versions:
        yield Choice(str(api.api_version), address(MatchKind.EXACT_IGNORING_CASE, api.api_version), api)
    yield Choice("unknown", Address(base), unknown, whole(MatchKind.PRESENT))
    if isinstance(without, Respond):
        yield Choice("without", Address(base), without, whole(MatchKind.ABSENT))
    else:
        yield Choice("without", address(MatchKind.ABSENT), without)


def _without_version(version_set: VersionSet, apis: Sequence[Api], offered: Sequence[Api]) -> Api | Respond:
    """What answers a request that names no version."""
    by_version = {api.api_version: api for api in apis}
    named = {OnMissing.ORIGINAL: None, OnMissing.DEFAULT: version_set.default_version}
    if version_set.on_missing in named and (api := by_version.get(named[version_set.on_missing])) is not None:
        return api
    where = {
        VersioningScheme.SEGMENT: "as the next segment of the path",
        VersioningScheme.HEADER: f"in the header '{version_set.parameter}'",
        VersioningScheme.QUERY: f"in the query parameter '{version_set.parameter}'",
    }[version_set.scheme]
    message = f"expected a version {where}: {_listed(offered)}"
    return Respond(400, "api_version_missing", message)


def _listed(versions: Sequence[Api]) -> str:
    return listed(sorted(str(api.api_version) for api in versions)) or "none, as there is no version yet"
