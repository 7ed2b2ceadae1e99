"""A cluster that Azure knows, over the fake API server."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure_clusters import PATH, SUBSCRIPTION, ResourceManager, resource_manager
from fake_kubernetes.server import FakeCluster

from modelyard.adapters.kubernetes.cluster_api import ClusterApi
from modelyard.adapters.target.kubernetes.aks import AksOptions, AksTarget, aks_connection
from modelyard.adapters.target.kubernetes.workload import WorkloadDefaults
from modelyard.adapters.target.options import read_options
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.target import ServerSpec, ServerState

Until = Callable[..., None]

CLUSTER = {"subscription_id": SUBSCRIPTION, "resource_group": "ml", "cluster": "models"}


class Identity:
    """What azure-identity is elsewhere."""

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.error: Exception | None = None

    def get_token(self, *scopes: str, **options: Any) -> Any:
        self.scopes += scopes
        if self.error is not None:
            raise self.error
        return SimpleNamespace(token="fake-token", expires_on=0)


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def azure(fake_kubernetes: FakeCluster, tmp_path: Path) -> Iterator[ResourceManager]:
    """It gives what Azure gives for a cluster with Entra: a plug-in that a client shall run."""
    content = yaml.safe_load(fake_kubernetes.write_kubeconfig(tmp_path / "kubeconfig").read_text())
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": str(tmp_path / "must-not-run"),
        "args": ["get-token"],
        "provideClusterInfo": False,
    }
    content["users"] = [{"name": "admin", "user": {"exec": plugin}}]
    with resource_manager(yaml.safe_dump(content)) as manager:
        yield manager


@pytest.fixture
def make(azure: ResourceManager, identity: Identity, tmp_path: Path) -> Iterator[Callable[..., AksTarget]]:
    made: list[AksTarget] = []

    def make_target(**options: Any) -> AksTarget:
        read = read_options(AksOptions, "azure", {**CLUSTER, "service": {"address": "ip"}, **options})
        # Azure's own policy sends no token over plain HTTP.
        connect = aks_connection(read, identity, base_url=azure.url, authentication_policy=SansIOHTTPPolicy())
        defaults = WorkloadDefaults(read, {}, None)
        api, logs = ClusterApi(connect), tmp_path / "logs"
        made.append(AksTarget("azure", api, defaults, installation=lambda: "this", logs=logs))
        return made[-1]

    yield make_target
    for target in made:
        target.close()


class TestAks:
    def test_its_address_comes_from_azure_and_its_tokens_from_our_identity(
        self,
        make: Callable[..., AksTarget],
        azure: ResourceManager,
        identity: Identity,
        image_spec: ServerSpec,
        until: Until,
    ) -> None:
        target = make(allowed_namespaces=["asgard"], create_namespaces=True)
        assert azure.requests == []
        target.apply(image_spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        target.remove("d-1")
        assert [re.sub(r"\?.*", "", one) for one in azure.requests] == [f"{PATH}/listClusterUserCredential"]
        assert set(identity.scopes) == {"6dae42f8-4368-4678-94ff-3960e28e3630/.default"}

    def test_a_cluster_that_azure_does_not_know_is_named(self, make: Callable[..., AksTarget]) -> None:
        with pytest.raises(
            Unavailable, match=r"Azure does not give the cluster 'other': .ResourceNotFound."
        ) as refused:
            make(cluster="other").observe_all()
        assert refused.value.code == "target_unavailable"

    def test_who_may_not_is_forbidden_and_asks_again(
        self, make: Callable[..., AksTarget], azure: ResourceManager
    ) -> None:
        azure.denies = True
        target = make()
        with pytest.raises(Unavailable) as refused:
            target.observe_all()
        assert refused.value.code == "target_forbidden"
        azure.denies = False
        assert target.observe_all() == {}

    def test_an_identity_without_a_token_is_one_sentence(
        self, make: Callable[..., AksTarget], identity: Identity
    ) -> None:
        identity.error = ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token\nAttempted: …")
        with pytest.raises(
            Unavailable, match=r"Azure gives no token .*: DefaultAzureCredential failed to retrieve a token$"
        ):
            make().observe_all()

    def test_a_cluster_with_local_accounts_is_reached_with_what_azure_gives(
        self, make: Callable[..., AksTarget], azure: ResourceManager, identity: Identity
    ) -> None:
        content = yaml.safe_load(azure.kubeconfig)
        content["users"] = [{"name": "admin", "user": {"token": "fake-token"}}]
        azure.kubeconfig = yaml.safe_dump(content)
        assert make().observe_all() == {}
        assert identity.scopes == []

    def test_what_is_no_kubeconfig_is_refused(self, make: Callable[..., AksTarget], azure: ResourceManager) -> None:
        azure.kubeconfig = "[]"
        with pytest.raises(Unavailable, match="the kubeconfig that Azure gives is none"):
            make().observe_all()

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"subscription_id": "ours"}, "subscription_id: expected text that matches"),
            ({"cluster": "a/b"}, "cluster: expected text that matches"),
            ({"kubeconfig": "/a"}, "kubeconfig: expected no such field"),
            ({"resource_manager": "http://10.0.0.1"}, "resource_manager: expected text that matches"),
        ],
    )
    def test_what_is_wrong_is_refused_by_its_name(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(Invalid, match="the target 'azure': ") as refused:
            read_options(AksOptions, "azure", {**CLUSTER, **options})
        assert sentence in refused.value.message
