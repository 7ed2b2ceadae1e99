"""Configurations of nodes, from states."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from gateway_objects import a_revision, a_version_set, an_api
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from modelyard.gateway.compile import DeployedVersion, GatewayState, ModelStages
from modelyard.gateway.configuration import configuration_of
from modelyard.gateway.domain import VersioningScheme
from modelyard.gateway.table import OPEN, Access, Endpoint
from modelyard.gateway_node import Configuration
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.proof import prove
from modelyard.subscriptions.access_table import AccessTable, TokenIssuer
from modelyard.subscriptions.jwks import public_keys

NOBODY = AccessTable()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEPLOYED = DeployedVersion(
    deployment_id="dep-1",
    tenant_id="default",
    model_name="churn",
    version=1,
    address=Endpoint("127.0.0.1", 20000, 20000),
    is_ready=True,
    created_at=NOW,
)


def configured(*, model_access: Access = OPEN, access: AccessTable = NOBODY) -> Configuration:
    state = GatewayState(now=NOW, deployments=[DEPLOYED], model_access=model_access)
    return configuration_of(state, access=access, https_port=None, gateways=1)


class TestConfigurations:
    def test_a_request_that_nobody_checks_passes_no_filter_of_keys_and_limits(self) -> None:
        assert configured().filters == {}

    @pytest.mark.parametrize(
        ("model_access", "access"),
        [
            (Access(needs_subscription=True), NOBODY),
            (OPEN, AccessTable(open_scopes=frozenset({"default/api:a"}))),
        ],
    )
    def test_all_of_them_are_there_as_soon_as_one_has_something_to_do(
        self, model_access: Access, access: AccessTable
    ) -> None:
        assert len(configured(model_access=model_access, access=access).filters) == 5

    def test_the_same_state_is_the_same_configuration(self) -> None:
        assert configured().digest == configured().digest
        assert configured().digest != configured(model_access=Access(needs_subscription=True)).digest

    def test_a_version_that_is_ready_before_its_address_is_known_is_waited_for(self) -> None:
        waiting = replace(DEPLOYED, address=None)
        stages = {("default", "churn"): ModelStages(production=1)}
        for others, said in (([], "is ready yet"), ([replace(DEPLOYED, deployment_id="dep-2", version=2)], "newest")):
            state = GatewayState(now=NOW, deployments=[waiting, *others], stages=stages)
            assert said in configuration_of(state, access=NOBODY, https_port=None, gateways=1).text


def versions_of_one_set(count: int) -> dict[str, Any]:
    names = [f"2026-01-{number:04}" for number in range(count)]
    return {
        "version_sets": [a_version_set()],
        "apis": [an_api(api_id=name, api_version=name) for name in names],
        "revisions": [a_revision(api_id=name) for name in names],
    }


def one_api(scheme: VersioningScheme = VersioningScheme.SEGMENT, parameter: str | None = None, **api: Any) -> Any:
    return {
        "version_sets": [a_version_set(scheme=scheme, parameter=parameter)],
        "apis": [an_api(**api)],
        "revisions": [a_revision()],
    }


def written(algorithm: Any, key: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return content


class TestWhatOneTenantMayName:
    """Envoy takes a configuration as a whole, so what one tenant names must not keep out what others changed."""

    @pytest.mark.parametrize(
        "fields",
        [
            *({"deployments": [replace(DEPLOYED, model_name=name)]} for name in ("a" * 255, "模" * 255, "a+ü" * 85)),
            {"deployments": [replace(DEPLOYED, deployment_id=f"dep-{n}", version=n) for n in range(1, 120)]},
            versions_of_one_set(400),
            one_api(path="p" * 400),
            one_api(path="/".join("p" * 200)),
            one_api(VersioningScheme.HEADER, "Version-Of-The-Api" * 5),
            one_api(VersioningScheme.QUERY, "Version.Of.The.Api" * 5),
            one_api() | {"revisions": [a_revision(timeout_seconds=0.00001)]},
        ],
        ids=["long", "not-ascii", "punctuation", "versions", "apis", "path", "deep-path", "header", "query", "timeout"],
    )
    def test_envoy_takes_it(self, tmp_path: Path, fields: dict[str, Any]) -> None:
        state = GatewayState(now=NOW, **{"deployments": [DEPLOYED], **fields})
        configuration = configuration_of(state, access=NOBODY, https_port=8443, gateways=1)
        (tmp_path / "node").mkdir()
        prove(configuration, NodeFolder(tmp_path / "node"))

    def test_envoy_takes_every_kind_of_key_that_issuers_may_have(self, tmp_path: Path) -> None:
        curves = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
        keys = [
            *(written(RSAAlgorithm, rsa.generate_private_key(e, 2048)) | {"alg": "PS256"} for e in (3, 65537)),
            *(written(ECAlgorithm, ec.generate_private_key(curve)) | {"kid": "ü"} for curve in curves),
            written(OKPAlgorithm, ed25519.Ed25519PrivateKey.generate()),
        ]
        keys[0]["n"] = "AAAA" + keys[0]["n"]  # Of another spelling.
        issuer = TokenIssuer("default/main", "default", "me", ("you",), public_keys({"keys": keys}), "sub")
        assert len(json.loads(issuer.jwks)["keys"]) == len(keys)
        prove(configured(access=AccessTable(issuers=(issuer,))), NodeFolder(tmp_path))

    def test_a_list_of_many_versions_names_the_last_ones(self) -> None:
        configuration = configuration_of(
            GatewayState(now=NOW, **versions_of_one_set(400)), access=NOBODY, https_port=None, gateways=1
        )
        assert "2026-01-0398, 2026-01-0399 and 380 more" in configuration.text
