"""Routes of the stable address of a model: `/churn/…`, `/churn/versions/3/…`, and the same for gRPC by metadata."""

import re
from collections.abc import Iterator, Sequence

from modelyard.gateway.compile.listing import listed
from modelyard.gateway.compile.routes import API_HEADER, RouteMaker
from modelyard.gateway.compile.spelling import encoded, is_plain, spellings, tenant_prefix
from modelyard.gateway.compile.targets import Targets
from modelyard.gateway.table import VERSION_HEADER, Access, Match, MatchKind, Respond, Route, ValueMatch
from modelyard.principals import FIRST_TENANT

MODEL_HEADER = "modelyard-model"
TENANT_HEADER = "modelyard-tenant"
INTERNAL = "metrics|drift"
"""What a model server counts of all its callers: the segment of its path that none of them reaches."""
NOT_INTERNAL = Respond(404, "not_found", "metrics of models are not reachable through the gateway")
_ANY_PORT = "(?::[0-9]+)?"


def model_routes(targets: Targets, tenant_id: str, model_name: str, access: Access) -> Iterator[Route]:
    """HTTP, of one model."""
    prefix = tenant_prefix(tenant_id)
    maker = _maker(tenant_id, model_name, access)
    base = f"{prefix}/{encoded(model_name)}"

    def at(*segments: str, headers: tuple[ValueMatch, ...] = ()) -> Match:
        if is_plain(model_name):
            path = f"{prefix}/{model_name}"
            return Match(path=path, segments=segments, grpc=False, headers=headers)
        return Match(path=prefix or "/", segments=(spellings(model_name), *segments), grpc=False, headers=headers)

    versions = targets.versions(tenant_id, model_name)
    yield maker.respond(".metrics", at(INTERNAL), NOT_INTERNAL)
    yield maker.respond(".versions.metrics", at("versions", "[^/]+", INTERNAL), NOT_INTERNAL)
    for version in versions:
        found = targets.version(tenant_id, model_name, version)
        yield maker.to(f".versions.{version}", at("versions", str(version)), found, prefix=f"{base}/versions/{version}")
    unknown = Respond(404, "version_unknown", _unknown(model_name, versions))
    yield maker.respond(".versions", at("versions"), unknown)
    for version in versions:
        found = targets.version(tenant_id, model_name, version)
        yield maker.to(f".asked.{version}", at(headers=(_asks_for(version),)), found, prefix=base)
    asks_for_other = ValueMatch(VERSION_HEADER, MatchKind.PRESENT)
    yield maker.respond(".asked", at(headers=(asks_for_other,)), unknown)
    yield maker.to("", at(), targets.model(tenant_id, model_name), prefix=base)


def model_grpc_routes(targets: Targets, tenant_id: str, model_name: str, access: Access) -> Iterator[Route]:
    """gRPC, of one model: by metadata, and by the authority where that names no model in metadata."""
    maker = _maker(tenant_id, model_name, access)
    versions = targets.versions(tenant_id, model_name)
    no_api = ValueMatch(API_HEADER, MatchKind.ABSENT)
    by_metadata = (
        no_api,
        ValueMatch(MODEL_HEADER, MatchKind.PATTERN, f"(?:{spellings(model_name)}|{re.escape(model_name)})"),
    )
    by_authority = (
        no_api,
        ValueMatch(MODEL_HEADER, MatchKind.ABSENT),
        ValueMatch(":authority", MatchKind.PATTERN, f"(?:{spellings(model_name)}){_ANY_PORT}"),
    )
    for kind, conditions in (("grpc", by_metadata), ("authority", by_authority)):
        headers = (tenant_condition(tenant_id), *conditions)
        for version in versions:
            match = Match(grpc=True, headers=(*headers, _asks_for(version)))
            found = targets.by_grpc(targets.version(tenant_id, model_name, version))
            yield maker.to(f".{kind}.{version}", match, found)
        asks_for_other = Match(grpc=True, headers=(*headers, ValueMatch(VERSION_HEADER, MatchKind.PRESENT)))
        unknown = Respond(404, "version_unknown", _unknown(model_name, versions))
        yield maker.respond(f".{kind}.other", asks_for_other, unknown)
        found = targets.by_grpc(targets.model(tenant_id, model_name))
        yield maker.to(f".{kind}", Match(grpc=True, headers=headers), found)


def tenant_condition(tenant_id: str) -> ValueMatch:
    """gRPC has no path to put the tenant in: it is in metadata, which may be left out for the first tenant."""
    pattern = f"(?:{re.escape(tenant_id)})?" if tenant_id == FIRST_TENANT else re.escape(tenant_id)
    return ValueMatch(TENANT_HEADER, MatchKind.PATTERN, pattern)


def _maker(tenant_id: str, model_name: str, access: Access) -> RouteMaker:
    name = f"{tenant_id}/models/{encoded(model_name)}"
    return RouteMaker(
        tenant_id=tenant_id,
        name=name,
        model_name=model_name,
        access=access,
        response_headers={"vary": VERSION_HEADER},
    )


def _asks_for(version: int) -> ValueMatch:
    return ValueMatch(VERSION_HEADER, MatchKind.EXACT, str(version))


def _unknown(model_name: str, versions: Sequence[int]) -> str:
    return f"this version of model '{model_name}' is not deployed; deployed are [{listed(versions)}]"
