"""Routes of APIs: of those that share a path, the version is chosen as their version set says."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from modelyard.gateway.compile.models import INTERNAL, MODEL_HEADER, NOT_INTERNAL, tenant_condition
from modelyard.gateway.compile.notices import notices, versions
from modelyard.gateway.compile.routes import API_HEADER, RouteMaker
from modelyard.gateway.compile.spelling import depth, tenant_prefix
from modelyard.gateway.compile.targets import Found, Targets
from modelyard.gateway.compile.versions import Choice, choices
from modelyard.gateway.domain import Api, Revision, VersioningScheme, VersionSet
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.table import Access, Match, MatchKind, Respond, Route, ValueMatch

_HTTPS_ONLY = Respond(403, "https_required", "this API takes https only")
_REDIRECTED = frozenset({"GET", "HEAD"})
"""A body that was sent without TLS was read on its way already: sending it again would hide that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiGroup:
    """The APIs of a tenant at one path."""

    tenant_id: str
    path: str
    version_set: VersionSet | None
    apis: Sequence[Api]

    @property
    def base(self) -> str:
        """The path with what stands before all paths of the tenant."""
        return f"{tenant_prefix(self.tenant_id)}/{self.path}"


class ApiRoutes:
    """Makes the routes of APIs.

    Args:
        revisions: of each API, by tenant and `api_id`.
        apis: all of them, by the same, so that a successor is found.
    """

    def __init__(
        self,
        targets: Targets,
        revisions: Mapping[tuple[str, str], Sequence[Revision]],
        apis: Mapping[tuple[str, str], Api],
        version_sets: Mapping[tuple[str, str], VersionSet],
        now: datetime,
    ) -> None:
        self._targets = targets
        self._revisions = revisions
        self._apis = apis
        self._version_sets = version_sets
        self._now = now

    def of_group(self, group: ApiGroup) -> Iterator[Route]:
        """HTTP, of all APIs at one path."""
        common = {**_vary(group.version_set), **versions(group.apis, self._now)}
        for choice in choices(group.base, group.version_set, group.apis, self._now):
            if choice.is_protocol and not self._speaks_protocol(choice.answer):
                continue
            if isinstance(choice.answer, Respond):
                name = f"{group.tenant_id}/paths/{group.path}"
                maker = RouteMaker(tenant_id=group.tenant_id, name=name, response_headers=common)
                yield maker.respond(f".{choice.name}", choice.match, choice.answer)
            else:
                yield from self._of_api(choice, choice.answer, common)

    def by_grpc(self, api: Api) -> Iterator[Route]:
        """gRPC, of one API: by its id in metadata, or as the authority."""
        maker = self._maker(api, {}).at_revision(api.current_revision)
        by_metadata = (ValueMatch(API_HEADER, MatchKind.EXACT, api.api_id),)
        by_authority = (
            ValueMatch(API_HEADER, MatchKind.ABSENT),
            ValueMatch(MODEL_HEADER, MatchKind.ABSENT),
            ValueMatch(":authority", MatchKind.PATTERN, f"{re.escape(api.api_id)}(?::[0-9]+)?"),
        )
        for kind, conditions in (("grpc", by_metadata), ("authority", by_authority)):
            match = Match(grpc=True, headers=(tenant_condition(api.tenant_id), *conditions))
            if api.protocols == ("https",):
                yield maker.respond(f".{kind}.plain", replace(match, plain_http=True), _HTTPS_ONLY)
            found, timeout = self._current(api)
            yield maker.to(f".{kind}", match, self._targets.by_grpc(found), timeout_seconds=timeout)

    def _of_api(self, choice: Choice, api: Api, common: Mapping[str, str]) -> Iterator[Route]:
        of_api = self._maker(api, common)
        for name, match, number, prefix in self._matches(choice, api):
            maker = of_api.at_revision(number)
            found, timeout = self._answer(api, number)
            if api.protocols == ("https",):
                yield from _plain(maker, f".{choice.name}{name}", match)
            if isinstance(found, Found) and found.is_model_server:
                metrics = replace(match, segments=(*match.segments, INTERNAL))
                yield maker.respond(f".{choice.name}{name}.metrics", metrics, NOT_INTERNAL)
            yield maker.to(f".{choice.name}{name}", match, found, prefix=prefix, timeout_seconds=timeout)
        if choice.pattern is None:
            unknown = Respond(404, "api_revision_unknown", f"API '{api.api_id}' has no such revision online")
            yield of_api.respond(f".{choice.name}.rev", choice.address.with_parameter("[^/]*"), unknown)

    def _matches(self, choice: Choice, api: Api) -> Iterator[tuple[str, Match, int | None, str]]:
        """Where an API answers, and with which prefix: each of its revisions behind `;rev=N`, and the current one."""
        if choice.pattern is None and api.status_at(self._now) is not ApiStatus.RETIRED:
            for revision in self._revisions.get((api.tenant_id, api.api_id), ()):
                if revision.is_online:
                    address = choice.address.at_revision(revision.number)
                    yield f".rev{revision.number}", address.match(), revision.number, address.path
        yield "", choice.match, api.current_revision, choice.address.path

    def _speaks_protocol(self, answer: Api | Respond) -> bool:
        found = answer if isinstance(answer, Respond) else self._current(answer)[0]
        return isinstance(found, Found) and found.is_model_server

    def _current(self, api: Api) -> tuple[Found | Respond, float | None]:
        return self._answer(api, api.current_revision)

    def _answer(self, api: Api, number: int | None) -> tuple[Found | Respond, float | None]:
        if api.status_at(self._now) is ApiStatus.RETIRED:
            return Respond(410, "api_retired", self._retired(api)), None
        if number is None:
            message = f"API '{api.api_id}' has no release yet: nothing answers until a revision is released"
            return Respond(404, "api_not_released", message), None
        revisions = self._revisions.get((api.tenant_id, api.api_id), ())
        revision = next((each for each in revisions if each.number == number), None)
        if revision is None:
            return Respond(404, "api_revision_unknown", f"API '{api.api_id}' has no revision {number}"), None
        return self._targets.find(api.tenant_id, revision.target), revision.timeout_seconds

    def _retired(self, api: Api) -> str:
        successor = self._successor(api)
        where = "" if successor is None else f"; its successor '{successor.api_id}' is at {self._address_of(successor)}"
        return f"API '{api.api_id}' is retired{where}"

    def _maker(self, api: Api, common: Mapping[str, str]) -> RouteMaker:
        successor = self._successor(api)
        address = None if successor is None else self._address_of(successor)
        return RouteMaker(
            tenant_id=api.tenant_id,
            name=f"{api.tenant_id}/apis/{api.api_id}",
            api_id=api.api_id,
            access=Access(
                needs_subscription=api.subscription_required, header_name=api.key_header, query_name=api.key_query
            ),
            response_headers={**common, **notices(api, self._now, successor=address)},
        )

    def _successor(self, api: Api) -> Api | None:
        return None if api.successor is None else self._apis.get((api.tenant_id, api.successor))

    def _address_of(self, api: Api) -> str:
        base = f"{tenant_prefix(api.tenant_id)}/{api.path}"
        version_set = self._version_sets.get((api.tenant_id, api.version_set_id or ""))
        is_in_path = version_set is not None and version_set.scheme is VersioningScheme.SEGMENT
        return f"{base}/{api.api_version}" if is_in_path and api.api_version is not None else base


def groups(apis: Sequence[Api], version_sets: Mapping[tuple[str, str], VersionSet]) -> Iterator[ApiGroup]:
    """APIs by path. Longer paths come first: what is below another path is no part of it."""
    by_path: dict[tuple[str, str], list[Api]] = defaultdict(list)
    for api in apis:
        by_path[api.tenant_id, api.path].append(api)
    for tenant_id, path in sorted(by_path, key=lambda each: (each[0], -depth(each[1]), each[1])):
        found = by_path[tenant_id, path]
        set_id = found[0].version_set_id
        version_set = None if set_id is None else version_sets[tenant_id, set_id]
        yield ApiGroup(tenant_id=tenant_id, path=path, version_set=version_set, apis=found)


def _plain(maker: RouteMaker, name: str, match: Match) -> Iterator[Route]:
    """What a request without TLS gets of an API that takes https only."""
    redirected = replace(match, plain_http=True, methods=_REDIRECTED)
    yield maker.redirect(f"{name}.redirect", redirected, sentence=_HTTPS_ONLY.message)
    yield maker.respond(f"{name}.plain", replace(match, plain_http=True), _HTTPS_ONLY)


def _vary(version_set: VersionSet | None) -> Mapping[str, str]:
    if version_set is None or version_set.scheme is not VersioningScheme.HEADER or version_set.parameter is None:
        return {}
    return {"vary": version_set.parameter}
