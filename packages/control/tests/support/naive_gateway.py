"""What a request gets, read from the rules of the documentation one after the other, without any table.

It shares the form of paths with the compiler and nothing else, so that the two can be compared.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from modelyard.gateway.compile import DeployedVersion, GatewayState
from modelyard.gateway.domain import Api, OnMissing, Target, VersioningScheme, VersionSet
from modelyard.gateway.evaluate import Request, normal_path, path_left
from modelyard.gateway.states import ApiStatus
from modelyard.registry.states import Stage


@dataclass(frozen=True, slots=True)
class Sent:
    """The request goes to a server."""

    backend: str
    path: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The gateway answers itself."""

    status: int
    code: str


REJECTED = Answered(400, "path_rejected")
REDIRECTED = Answered(308, "redirect")
HTTPS_REQUIRED = Answered(403, "https_required")
_NOT_FOUND = Answered(404, "not_found")
Outcome = Sent | Answered
_URL = "url"
_INTERNAL = {"metrics", "drift"}


class NaiveGateway:
    """Reads the rules for one state."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state

    def outcome(self, request: Request) -> Outcome:
        """What this request gets."""
        path = normal_path(request.path)
        if path is None:
            return REJECTED
        if request.is_grpc:
            return self._grpc(request, path)
        segments = [segment for segment in path.split("/") if segment]
        if segments[:1] == ["-"]:
            return _NOT_FOUND
        tenant, before = "default", 0
        if segments and segments[0].startswith("@") and segments[0] != "@default":
            tenant, before = segments[0][1:], 1
        return self._http(request, path, tenant, segments[before:], before)

    def _http(self, request: Request, path: str, tenant: str, segments: Sequence[str], before: int) -> Outcome:
        for api_path in sorted(
            {api.path for api in self._state.apis if api.tenant_id == tenant}, key=lambda each: -each.count("/")
        ):
            names = api_path.split("/")
            given = segments[: len(names)]
            if len(given) < len(names) or given[:-1] != names[:-1]:
                continue
            name, mark, parameter = given[-1].partition(";")
            if name == names[-1]:
                strip = before + len(names)
                return self._api(request, path, tenant, api_path, parameter if mark else None, strip)
        return self._model(request, path, tenant, segments, before)

    def _api(  # noqa: PLR0911 - one return for each rule, in the order of the documentation
        self, request: Request, path: str, tenant: str, api_path: str, parameter: str | None, strip: int
    ) -> Outcome:
        apis = [api for api in self._state.apis if (api.tenant_id, api.path) == (tenant, api_path)]
        set_id = apis[0].version_set_id
        if set_id is None:
            return self._of_api(request, path, apis[0], parameter, strip)
        version_set = next(
            each for each in self._state.version_sets if (each.tenant_id, each.version_set_id) == (tenant, set_id)
        )
        without = self._without(version_set, apis)
        if version_set.scheme is VersioningScheme.SEGMENT:
            if parameter is None:
                following = [segment for segment in path.split("/") if segment][strip:]
                chosen = self._by_segment(request, path, apis, without, following[:1], strip)
                if chosen is not None:
                    return chosen
        else:
            name = str(version_set.parameter)
            values, is_misspelled = _given(request, name, version_set.scheme)
            if len(values) > 1 or is_misspelled:
                return Answered(400, "api_version_misspelled" if len(values) <= 1 else "api_version_ambiguous")
            if values:
                found = [api for api in apis if api.api_version and api.api_version.lower() == values[0].lower()]
                if not found:
                    return Answered(404, "api_version_unknown")
                return self._of_api(request, path, found[0], parameter, strip)
        if without is None:
            return Answered(400, "api_version_missing")
        return self._of_api(request, path, without, parameter, strip)

    def _by_segment(
        self,
        request: Request,
        path: str,
        apis: Sequence[Api],
        without: Api | None,
        following: Sequence[str],
        strip: int,
    ) -> Outcome | None:
        for segment in following:
            name, mark, parameter = segment.partition(";")
            for api in apis:
                if api.api_version == name:
                    return self._of_api(request, path, api, parameter if mark else None, strip + 1)
            if segment == "v2" and without is not None:
                current = self._current(without)
                if isinstance(current, Sent) and not current.backend.startswith(_URL):
                    return self._of_api(request, path, without, None, strip, is_protocol=True)
            is_known = any(api.api_version and api.api_version.lower() == name.lower() for api in apis)
            if is_known or re.match("[vV]?[0-9]", segment):
                return Answered(404, "api_version_unknown")
        return None

    @staticmethod
    def _without(version_set: VersionSet, apis: Sequence[Api]) -> Api | None:
        if version_set.on_missing is OnMissing.REFUSE:
            return None
        wanted = None if version_set.on_missing is OnMissing.ORIGINAL else version_set.default_version
        return next((api for api in apis if api.api_version == wanted), None)

    def _of_api(
        self, request: Request, path: str, api: Api, parameter: str | None, strip: int, *, is_protocol: bool = False
    ) -> Outcome:
        number = api.current_revision
        if parameter is not None:
            online = {
                f"rev={each.number}": each.number
                for each in self._state.revisions
                if (each.tenant_id, each.api_id) == (api.tenant_id, api.api_id) and each.is_online
            }
            if parameter not in online or self._is_retired(api):
                return Answered(404, "api_revision_unknown")
            number = online[parameter]
        if api.protocols == ("https",) and not request.is_tls:
            return REDIRECTED if request.method in {"GET", "HEAD"} else HTTPS_REQUIRED
        found = self._revision(api, number)
        if isinstance(found, Answered):
            return found
        left = path_left(path, strip)
        if not is_protocol and not found.backend.startswith(_URL) and left.split("/")[1] in _INTERNAL:
            return _NOT_FOUND
        return Sent(found.backend, left)

    def _is_retired(self, api: Api) -> bool:
        is_over = api.sunset_at is not None and api.sunset_at <= self._state.now
        return api.status is ApiStatus.RETIRED or (api.status is ApiStatus.DEPRECATED and is_over)

    def _current(self, api: Api) -> Outcome:
        return self._revision(api, api.current_revision)

    def _revision(self, api: Api, number: int | None) -> Outcome:
        if self._is_retired(api):
            return Answered(410, "api_retired")
        if number is None:
            return Answered(404, "api_not_released")
        (revision,) = [
            each
            for each in self._state.revisions
            if (each.tenant_id, each.api_id, each.number) == (api.tenant_id, api.api_id, number)
        ]
        return self._target(api.tenant_id, revision.target)

    def _target(self, tenant: str, target: Target) -> Outcome:
        if target.service_url is not None:
            is_there = bool(self._state.addresses.get(target.service_url))
            return Sent(f"{_URL}-{tenant}", "") if is_there else Answered(503, "service_url_unreachable")
        if target.deployment_id is not None:
            for each in self._of_tenant(tenant):
                if each.deployment_id == target.deployment_id:
                    return Sent(each.deployment_id, "") if each.address else Answered(503, "model_not_ready")
            return Answered(503, "deployment_missing")
        name = str(target.model_name)
        if target.version is not None:
            return self._version(tenant, name, target.version)
        if target.stage is None:
            return self._stable(tenant, name)
        stages = self._state.stages[tenant, name]
        version = stages.production if target.stage is Stage.PRODUCTION else stages.staging
        return Answered(503, "stage_empty") if version is None else self._version(tenant, name, version)

    def _of_tenant(self, tenant: str) -> Sequence[DeployedVersion]:
        return [each for each in self._state.deployments if each.tenant_id == tenant]

    def _version(self, tenant: str, model: str, version: int) -> Outcome:
        found = [each for each in self._of_tenant(tenant) if (each.model_name, each.version) == (model, version)]
        if not found:
            return Answered(503, "model_not_deployed")
        places = [each for each in found if each.address is not None]
        if not places:
            return Answered(503, "model_not_ready")
        ready = [each for each in places if each.is_ready] or places
        return Sent(min(ready, key=lambda each: (each.created_at, each.deployment_id)).deployment_id, "")

    def _stable(self, tenant: str, model: str) -> Outcome:
        deployed = [each for each in self._of_tenant(tenant) if each.model_name == model]
        if not deployed:
            return Answered(503, "model_not_deployed")
        production = self._state.stages[tenant, model].production
        ready = {each.version for each in deployed if each.is_ready}
        places = {each.version for each in deployed if each.address is not None}
        if not places:
            return Answered(503, "model_not_ready")
        candidates = ready or places
        return self._version(tenant, model, production if production in candidates else max(candidates))

    def _model(self, request: Request, path: str, tenant: str, segments: Sequence[str], before: int) -> Outcome:
        if not segments or segments[0].startswith("@"):
            return _NOT_FOUND
        model = unquote(segments[0])
        versions = {str(each.version) for each in self._of_tenant(tenant) if each.model_name == model}
        if not versions:
            return _NOT_FOUND
        rest, strip = segments[1:], before + 1
        if set(rest[:1]) & _INTERNAL or (rest[:1] == ["versions"] and set(rest[2:3]) & _INTERNAL):
            return _NOT_FOUND
        asked = (
            ",".join(request.headers.get("modelyard-version", [])) if "modelyard-version" in request.headers else None
        )
        if rest[:1] == ["versions"]:
            asked, strip = "".join(rest[1:2]), strip + 2
        if asked is None:
            found = self._stable(tenant, model)
        elif asked in versions:
            found = self._version(tenant, model, int(asked))
        else:
            return Answered(404, "version_unknown")
        return Sent(found.backend, path_left(path, strip)) if isinstance(found, Sent) else found

    def _grpc(self, request: Request, path: str) -> Outcome:  # noqa: PLR0911 - as above
        def metadata(name: str) -> str | None:
            return ",".join(request.headers[name]) if name in request.headers else None

        tenant = metadata("modelyard-tenant") or "default"
        api_id, model, version = (metadata(f"modelyard-{name}") for name in ("api", "model", "version"))
        host = re.sub(":[0-9]+$", "", request.authority)
        apis = {api.api_id: api for api in self._state.apis if api.tenant_id == tenant}
        wanted = api_id if api_id is not None else host if model is None else None
        if wanted is not None and wanted in apis:
            if apis[wanted].protocols == ("https",) and not request.is_tls:
                return HTTPS_REQUIRED
            return self._by_grpc(self._current(apis[wanted]), path)
        if api_id is not None:
            return _NOT_FOUND
        name = unquote(host if model is None else model)
        versions = {str(each.version) for each in self._of_tenant(tenant) if each.model_name == name}
        if not versions or (model is None and host.startswith("@")):
            return _NOT_FOUND
        if version is None:
            return self._by_grpc(self._stable(tenant, name), path)
        if version not in versions:
            return Answered(404, "version_unknown")
        return self._by_grpc(self._version(tenant, name, int(version)), path)

    def _by_grpc(self, found: Outcome, path: str) -> Outcome:
        if isinstance(found, Answered):
            return found
        for each in self._state.deployments:
            if each.deployment_id == found.backend and each.address is not None and each.address.grpc_port is not None:
                return Sent(found.backend, path)
        return Answered(404, "grpc_unsupported")


def _given(request: Request, name: str, scheme: VersioningScheme) -> tuple[Sequence[str], bool]:
    """The values under a name, and whether there is one under another spelling of it."""
    if scheme is VersioningScheme.HEADER:
        values = request.headers.get(name.lower())
        return [] if values is None else ",".join(values).split(","), False
    pairs = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
    return [value for key, value in pairs if key == name], any(
        key != name and unquote(key).lower() == name.lower() for key, _ in pairs
    )
