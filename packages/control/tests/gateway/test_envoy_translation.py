"""The resources of Envoy for one table with everything in it: a golden file holds them, and Envoy takes them.

`MODELYARD_WRITE_GOLDEN=1` writes the file anew; read the difference before you commit it.
"""

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway_objects import MADE, a_revision, a_version_set, an_api

from modelyard.envoy.binary import envoy_binary
from modelyard.envoy.resources import LAYERED_RUNTIME, typed
from modelyard.gateway.compile import (
    Copies,
    DeployedVersion,
    GatewayState,
    ModelStages,
    Share,
    TrafficSplit,
    compile_table,
)
from modelyard.gateway.domain import OnMissing, Target, VersioningScheme
from modelyard.gateway.envoy import assignments, clusters, route_configuration
from modelyard.gateway.states import ApiStatus
from modelyard.gateway.table import Endpoint, RouteTable, Sticky, StickyBy

GOLDEN = Path(__file__).parent / "golden" / "envoy.json"
URL = "https://models.example.com/base"


def deployed(number: int, version: int, host: str = "127.0.0.1", **fields: Any) -> DeployedVersion:
    given: dict[str, Any] = {
        "deployment_id": f"dep-{number}",
        "tenant_id": "default",
        "model_name": "churn",
        "version": version,
        "address": Endpoint(host, 9000 + number, 9000 + number),
        "is_ready": True,
        "created_at": MADE,
    }
    return DeployedVersion(**{**given, **fields})


def a_table() -> RouteTable:
    """One of each: a split with a shadow, a service URL, versions by segment and by query, two tenants, an end."""
    by_query = a_version_set(
        version_set_id="risk",
        scheme=VersioningScheme.QUERY,
        parameter="api-version",
        on_missing=OnMissing.DEFAULT,
        default_version="2",
    )
    old = an_api(
        status=ApiStatus.DEPRECATED,
        deprecated_at=MADE,
        sunset_at=MADE + timedelta(days=30),
        successor="ml-model-v2",
        protocols=("https",),
    )
    new = an_api(api_id="ml-model-v2", api_version="v2", subscription_required=True, latest_revision=2)
    risk = an_api(api_id="risk-2", path="finance/risk", version_set_id="risk", api_version="2")
    return compile_table(
        GatewayState(
            now=MADE,
            version_sets=[a_version_set(), by_query],
            apis=[old, new, risk],
            revisions=[
                a_revision(target=Target(service_url=URL), timeout_seconds=2.5),
                a_revision(api_id="ml-model-v2", target=Target(model_name="churn")),
                a_revision(api_id="ml-model-v2", number=2, target=Target(deployment_id="dep-2")),
                a_revision(api_id="risk-2", target=Target(model_name="churn", version=2)),
            ],
            deployments=[
                deployed(1, 1),
                deployed(2, 2, host="churn.models.svc.cluster.local"),
                deployed(3, 1, tenant_id="acme", model_name="my model"),
            ],
            stages={("default", "churn"): ModelStages(production=1)},
            addresses={URL: [Endpoint("192.0.2.7", 443)]},
            splits=[
                TrafficSplit(
                    tenant_id="default",
                    model_name="churn",
                    shares=(Share(1, 90), Share(2, 10)),
                    sticky=Sticky(StickyBy.CLIENT, None, "roll-1"),
                    shadow=Copies(version=2, percent=12.5),
                )
            ],
        )
    )


def resources() -> dict[str, Any]:
    table = a_table()
    return {
        "clusters": clusters(table),
        "endpoints": assignments(table),
        "routes": route_configuration(table, https_port=8443),
    }


def test_the_resources_are_those_of_the_golden_file() -> None:
    found = json.dumps(resources(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("MODELYARD_WRITE_GOLDEN"):
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()


def test_the_same_state_gives_the_same_resources() -> None:
    assert json.dumps(resources()) == json.dumps(resources())


def test_envoy_takes_them(tmp_path: Path) -> None:
    found = resources()
    assigned = {each["cluster_name"]: each for each in found["endpoints"]}
    inlined = [
        {**each, "type": "STATIC", "load_assignment": _untyped(assigned[each["name"]])}
        if each["type"] == "EDS"
        else each
        for each in map(_untyped, found["clusters"])
    ]
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="proof",
        route_config={"validate_clusters": True, **_untyped(found["routes"])},
        http_filters=[
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
            }
        ],
    )
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 1}}
    listener = {"name": "proof", "address": address, "filter_chains": [chain]}
    bootstrap = {
        "layered_runtime": LAYERED_RUNTIME,
        "static_resources": {"clusters": inlined, "listeners": [listener]},
    }
    (tmp_path / "proof.json").write_text(json.dumps(bootstrap))
    command = [str(envoy_binary()), "--mode", "validate", "-c", str(tmp_path / "proof.json")]
    done = subprocess.run([*command, "--log-level", "warning"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _untyped(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "@type"}
