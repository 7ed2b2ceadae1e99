"""Kubernetes on Azure: the cluster's address and authority come from Azure, and so do the tokens.

The kubeconfig that Azure gives names a plug-in (`kubelogin`) that a client shall run for a token. None is run here: the
control plane asks for the token itself, as whatever identity it has.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2
import yaml
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.mgmt.containerservice import ContainerServiceClient
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import User
from pydantic import Field

from modelyard.adapters.azure import Credential, managed_credential, said_by
from modelyard.adapters.kubernetes.connection import TIMEOUT, UNREADABLE, with_user
from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.kubernetes.options import WorkloadOptions
from modelyard.adapters.target.kubernetes.target import KubernetesTarget
from modelyard.adapters.target.options import read_options
from modelyard.errors import Unavailable

_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The application of every AKS API server in Entra."""
_ARM_SECONDS = {"connection_timeout": 5, "read_timeout": 20, "retry_total": 1}
_SHOWN = 300


class AksOptions(WorkloadOptions):
    """A cluster of Azure Kubernetes Service."""

    subscription_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")
    resource_group: str = Field(pattern=r"^[\w.()-]{1,90}$")
    cluster: str = Field(pattern=r"^[A-Za-z0-9](?:[\w-]{0,61}[A-Za-z0-9])?$")
    client_id: str | None = None
    """Of the managed identity, where the control plane has several."""
    resource_manager: str = Field(default="https://management.azure.com", pattern=r"^https://[A-Za-z0-9.-]+$")
    """Of another cloud than the public one."""


class AksTarget(KubernetesTarget):
    """Model servers of one AKS cluster."""

    @classmethod
    def configured(cls, name: str, options: Mapping[str, Any], context: TargetContext) -> "AksTarget":
        """The target of the cluster that the options name; Azure is asked when it is first used."""
        read = read_options(AksOptions, name, options)
        credential = managed_credential(read.client_id)
        return cls.reached_by(aks_connection(read, credential), name, read, context)


def aks_connection(options: AksOptions, credential: Credential, **arm: Any) -> Callable[[], httpx2.Client]:
    """What asks Azure for the cluster and makes its client. `arm` are further options of Azure's own client.

    It raises Unavailable: code `target_unavailable` or `target_forbidden`.
    """

    def connect() -> httpx2.Client:
        try:
            content = _kubeconfig(options, credential, arm)
        except ClientAuthenticationError as exc:
            raise Unavailable(f"Azure does not let us in: {said_by(exc)}", code="target_forbidden") from exc
        except HttpResponseError as exc:
            code = "target_forbidden" if exc.status_code == httpx2.codes.FORBIDDEN else "target_unavailable"
            raise Unavailable(
                f"Azure does not give the cluster '{options.cluster}': {said_by(exc)}", code=code
            ) from exc
        except AzureError as exc:
            raise Unavailable(f"Azure does not answer: {said_by(exc)}", code="target_unavailable") from exc
        return _client(content, credential)

    return connect


def _kubeconfig(options: AksOptions, credential: Credential, arm: Mapping[str, Any]) -> bytes:
    settings = {"base_url": options.resource_manager, **_ARM_SECONDS, **arm}
    with ContainerServiceClient(credential, options.subscription_id, **settings) as client:
        given = client.managed_clusters.list_cluster_user_credentials(
            options.resource_group, options.cluster, format="exec"
        )
    first = next(iter(given.kubeconfigs or ()), None)
    return b"" if first is None or first.value is None else bytes(first.value)


def _client(content: bytes, credential: Credential) -> httpx2.Client:
    try:
        config = with_user(KubeConfig.from_dict(yaml.safe_load(content)).get())
        asks_entra = config.user is None or config.user.exec is not None or config.user.auth_provider is not None
        config = config._replace(user=User()) if asks_entra else config
        client = Client(config, ConnectionParams(timeout=TIMEOUT))
    except (*UNREADABLE, OSError) as exc:
        raise Unavailable(
            f"the kubeconfig that Azure gives is none: {exc}"[:_SHOWN], code="target_unavailable"
        ) from exc
    if asks_entra:
        client.auth = _EntraAuth(credential)
    return client


class _EntraAuth(httpx2.Auth):
    """A token for each request; azure-identity keeps and renews it."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:  # type: ignore[override]  # It sends nothing in.
        try:
            token = self._credential.get_token(_SERVER).token
        except AzureError as exc:
            raise Unavailable(f"Azure gives no token for the cluster: {said_by(exc)}", code="target_forbidden") from exc
        request.headers["Authorization"] = f"Bearer {token}"
        yield request
