"""Random version sets, APIs, revisions and deployments of two tenants, and requests that meet them or miss narrowly."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from urllib.parse import quote

from gateway_objects import MADE, a_revision, a_version_set, an_api

from modelyard.gateway.compile import DeployedVersion, GatewayState, ModelStages
from modelyard.gateway.domain import Api, OnMissing, Revision, Target, VersioningScheme, VersionSet
from modelyard.gateway.evaluate import Request
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.table import Endpoint
from modelyard.registry.states import Stage

NOW = datetime(2026, 12, 1, tzinfo=UTC)
TENANTS = ["default", "acme"]
MODELS = ["churn", "ml", "my (model)", "@acme", "Größe", "v1"]
DEPLOYMENTS = [f"dep-{tenant}-{number}" for tenant in TENANTS for number in range(4)]
PATHS = ["ml", "ml/x", "churn", "fin.ance/risk"]
VERSIONS = ["v1", "v2", "2024-01-01", "beta"]
PARAMETER = "Api-Version"
URL = "http://backend-for-ml-model-v1"
BACKENDS = [*DEPLOYMENTS, *(f"url-{sha256(f'{tenant} {URL}'.encode()).hexdigest()[:16]}" for tenant in TENANTS)]


def random_state(random: Random) -> GatewayState:
    """What two tenants have."""
    version_sets: list[VersionSet] = []
    apis: list[Api] = []
    revisions: list[Revision] = []
    for tenant in TENANTS:
        for path in random.sample(PATHS, random.randint(0, 3)):
            made = _random_apis(random, tenant, path)
            version_sets += made[0]
            apis += made[1]
            revisions += made[2]
    stages = {
        (tenant, model): ModelStages(production=random.choice([None, 1, 2]), staging=random.choice([None, 2]))
        for tenant in TENANTS
        for model in MODELS
    }
    return GatewayState(
        now=NOW,
        version_sets=version_sets,
        apis=apis,
        revisions=revisions,
        deployments=[_random_deployment(random, each) for each in DEPLOYMENTS],
        stages=stages,
        addresses={URL: [Endpoint("192.0.2.7", 80)]} if random.random() < 0.8 else {},
    )


def random_request(random: Random, state: GatewayState) -> Request:
    """A request to something of the state, often with one thing wrong."""
    segments = _random_segments(random, state)
    path = "/" + "/".join(segments)
    if random.random() < 0.1:
        path = random.choice([path.replace("/", "//", 1), path + "/", "/x/.." + path, path.upper(), "/." + path])
    encoded = [f"%{ord(PARAMETER[0]):02X}{PARAMETER[1:]}", f"{PARAMETER[:-1]}%{ord(PARAMETER[-1]):02x}"]
    names = [PARAMETER, PARAMETER, PARAMETER.lower(), "api-version", "other", *encoded]
    value = random.choice([*VERSIONS, "V1", "BETA", "v9", "", "v1,v2"])
    query = "&".join(f"{random.choice(names)}={value}" for _ in range(random.choice([0, 0, 1, 1, 2])))
    headers: dict[str, list[str]] = {}
    if random.random() < 0.5:
        headers[PARAMETER.lower()] = [value] * random.choice([1, 1, 1, 2])
    if random.random() < 0.2:
        headers["modelyard-version"] = [random.choice(["1", "2", "3", "01", ""])]
    authority = "localhost"
    if random.random() < 0.25:
        headers["content-type"] = [
            random.choice(["application/grpc", "application/grpc+proto", "application/grpc-web"])
        ]
        headers |= (
            {} if random.random() < 0.4 else {"modelyard-model": [random.choice([*MODELS[:4], quote(MODELS[4])])]}
        )
        headers |= {} if random.random() < 0.5 else {"modelyard-tenant": [random.choice([*TENANTS, "other"])]}
        headers |= (
            {}
            if random.random() < 0.8
            else {"modelyard-api": [random.choice([*(api.api_id for api in state.apis), "x"])]}
        )
        authority = random.choice(["localhost", "churn", "ml:8080", *(api.api_id for api in state.apis)])
    return Request(
        method=random.choice(["GET", "POST"]),
        path=path,
        query=query,
        headers=headers,
        authority=authority,
        is_tls=random.random() < 0.7,
    )


def _random_segments(random: Random, state: GatewayState) -> Sequence[str]:
    first = random.choice([[], [], ["@acme"], ["@other"], ["%40acme"], ["-"], ["v1"]])
    spelled = [name.replace(" ", "%20").replace("ö", "%c3%b6").replace("ß", "%C3%9F") for name in MODELS]
    models = [*(quote(name, safe="") for name in MODELS), *spelled]
    name = random.choice([*PATHS, *PATHS, *models])
    parameter = random.choice(["", "", "", ";rev=1", ";rev=2", ";rev=9", ";x"])
    version = random.choice(
        [[], [], *([each] for each in [*VERSIONS, "V1", "v9", "Beta", "v1;rev=1", "v2;rev=2", "v1;"])]
    )
    rest = random.choice(
        [
            [],
            ["predict"],
            ["v2", "models", "m"],
            ["metrics"],
            ["drift"],
            ["versions", "1", "predict"],
            ["versions"],
            ["versions", "2", "metrics"],
        ]
    )
    del state
    return [*first, *(name + parameter).split("/"), *version, *rest]


def _random_apis(random: Random, tenant: str, path: str) -> tuple[list[VersionSet], list[Api], list[Revision]]:
    scheme = random.choice([None, *VersioningScheme])
    name = path.replace("/", "-")
    if scheme is None:
        apis = [_random_api(random, tenant, path, name, None, None)]
        return [], apis, _random_revisions(random, apis)
    versions: list[str | None] = [*random.sample(VERSIONS, random.randint(1, 3))]
    on_missing = random.choice(list(OnMissing))
    if on_missing is OnMissing.ORIGINAL and random.random() < 0.7:
        versions.append(None)
    version_set = a_version_set(
        version_set_id=name,
        tenant_id=tenant,
        scheme=scheme,
        parameter=None if scheme is VersioningScheme.SEGMENT else PARAMETER,
        on_missing=on_missing,
        default_version=versions[0] if on_missing is OnMissing.DEFAULT else None,
    )
    apis = [_random_api(random, tenant, path, f"{name}-{version or 'original'}", version, name) for version in versions]
    return [version_set], apis, _random_revisions(random, apis)


def _random_api(
    random: Random, tenant: str, path: str, api_id: str, version: str | None, version_set_id: str | None
) -> Api:
    status = random.choice([ApiStatus.ACTIVE, ApiStatus.ACTIVE, ApiStatus.DEPRECATED, ApiStatus.RETIRED])
    is_ending = status is not ApiStatus.ACTIVE
    return an_api(
        api_id=api_id,
        tenant_id=tenant,
        path=path,
        api_version=version,
        version_set_id=version_set_id,
        protocols=random.choice([("http", "https"), ("http", "https"), ("https",)]),
        subscription_required=random.random() < 0.3,
        status=status,
        deprecated_at=MADE if is_ending else None,
        sunset_at=random.choice([None, NOW, NOW + timedelta(days=9)]) if is_ending else None,
        current_revision=random.choice([None, 1, 1, 1, 2]),
        latest_revision=2,
    )


def _random_revisions(random: Random, apis: Sequence[Api]) -> list[Revision]:
    targets = [
        *(Target(deployment_id=each) for each in [*DEPLOYMENTS, "dep-none"]),
        Target(model_name="churn"),
        Target(model_name="churn", version=2),
        Target(model_name="ml", stage=Stage.PRODUCTION),
        Target(model_name="ml", stage=Stage.STAGING),
        Target(service_url=URL),
    ]
    return [
        a_revision(
            api_id=api.api_id,
            tenant_id=api.tenant_id,
            number=number,
            target=random.choice(targets),
            is_online=random.random() < 0.8,
        )
        for api in apis
        for number in (1, 2)
    ]


def _random_deployment(random: Random, deployment_id: str) -> DeployedVersion:
    has_address = random.random() < 0.85
    return DeployedVersion(
        deployment_id=deployment_id,
        tenant_id=deployment_id.split("-")[1],
        model_name=random.choice(MODELS),
        version=random.randint(1, 3),
        address=Endpoint("127.0.0.1", 9000, random.choice([None, 9001, 9001])) if has_address else None,
        is_ready=has_address and random.random() < 0.8,
        created_at=MADE + timedelta(seconds=random.randint(0, 3)),
    )
