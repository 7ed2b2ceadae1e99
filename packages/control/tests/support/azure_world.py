"""Targets in Azure Container Instances, over the service of tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure_containers import RESOURCE_GROUP, SUBSCRIPTION, ContainerGroupService, container_group_service
from azure_resource_manager import TOKEN

from modelyard.adapters.target.aci.options import AciOptions
from modelyard.adapters.target.aci.target import AciTarget
from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.options import read_options
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.ports.target import ImageArtifact, ServerKey, ServerObservation, ServerSpec, ServerState
from modelyard.supervision.supervisor import Supervisor

OPTIONS: dict[str, Any] = {
    "subscription_id": SUBSCRIPTION,
    "resource_group": RESOURCE_GROUP,
    "location": "westeurope",
    "is_public": True,
    "observe_seconds": 0,
}
ARTIFACT = ImageArtifact(
    f"example.azurecr.io/models@sha256:{'a' * 64}", f"sha256:{'b' * 64}", "example.azurecr.io/models:my-model-v1"
)


class _OverPlainHttp(SansIOHTTPPolicy[Any, Any]):
    """A token, which the SDK itself would not send without TLS."""

    def __init__(self, token: str) -> None:
        self._token = token

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"


class ReconciledAciTarget(AciTarget):
    """One that is applied again while it is not as it shall be, as the reconciler does it in each pass.

    The address of a group is known a while after it was asked for.
    """

    def __init__(self, *args: Any, **arm: Any) -> None:
        super().__init__(*args, **arm)
        self._specs: dict[ServerKey, ServerSpec] = {}

    def apply(self, spec: ServerSpec) -> None:
        """Remember the spec for later."""
        super().apply(spec)
        self._specs[ServerKey(spec.deployment_id, spec.generation)] = spec

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """After a pass."""
        self._pass_over(super().observe_all())
        return super().observe(deployment_id, generation)

    def observe_all(self) -> Mapping[ServerKey, ServerObservation]:
        """After a pass."""
        self._pass_over(super().observe_all())
        return super().observe_all()

    def _pass_over(self, seen: Mapping[ServerKey, ServerObservation]) -> None:
        for key, one in seen.items():
            spec = self._specs.get(key)
            if spec is not None and one.fingerprint is None and one.state is not ServerState.DRAINING:
                super().apply(spec)


class _Nobody:
    def get_token(self, *scopes: str, **options: Any) -> Any:
        raise AssertionError("nobody asks for a token")


@dataclass
class AzureWorld:
    """One service, one home with its supervisor and balancer; a name for each target."""

    service: ContainerGroupService
    home: Home
    first_port: int
    made: list[AciTarget] = field(default_factory=list)

    def target(
        self,
        name: str,
        *,
        installation: str = "this",
        token: str = TOKEN,
        kind: type[AciTarget] = AciTarget,
        **options: Any,
    ) -> AciTarget:
        """A target, as the settings would make it."""
        context = TargetContext(
            home=self.home,
            installation=lambda: installation,
            isolation=NO_ISOLATION,
            server_settings={},
            replica_memory_bytes=None,
            server_ports=range(self.first_port, self.first_port + 50),
            images=None,  # type: ignore[arg-type]  # Azure pulls.
        )
        read = read_options(AciOptions, name, OPTIONS | options)
        arm = {"base_url": self.service.url, "authentication_policy": _OverPlainHttp(token), "polling_interval": 0.1}
        target = kind(name, read, context, _Nobody(), **arm)
        self.made.append(target)
        return target


@contextmanager
def azure_world(folder: Path, *, first_port: int) -> Iterator[AzureWorld]:
    """The folder's path is short, for unix sockets."""
    home = Home(folder / "home")
    home.make()
    supervisor = Supervisor(home)
    with container_group_service() as service:
        try:
            yield AzureWorld(service, home, first_port)
        finally:
            supervisor.shut_down(timeout_seconds=10)
