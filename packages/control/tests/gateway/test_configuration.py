"""Configurations of nodes, from states."""

from datetime import UTC, datetime

import pytest

from modelyard.gateway.compile import DeployedVersion, GatewayState
from modelyard.gateway.configuration import configuration_of
from modelyard.gateway.table import OPEN, Access, Endpoint
from modelyard.gateway_node import Configuration
from modelyard.subscriptions.access_table import AccessTable

NOBODY = AccessTable()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def configured(*, model_access: Access = OPEN, access: AccessTable = NOBODY) -> Configuration:
    deployed = DeployedVersion(
        deployment_id="dep-1",
        tenant_id="default",
        model_name="churn",
        version=1,
        address=Endpoint("127.0.0.1", 20000),
        is_ready=True,
        created_at=NOW,
    )
    state = GatewayState(now=NOW, deployments=[deployed], model_access=model_access)
    return configuration_of(state, access=access, tls_port=None, gateways=1)


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
