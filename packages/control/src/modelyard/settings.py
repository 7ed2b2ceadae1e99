"""Everything that can be set from outside: one group per noun, each read once, at the start, from the environment.

A noun is given its own group, and knows no other one. docs/configuration.md lists all variables.
"""

from dataclasses import dataclass, field

from modelyard.access.settings import AccessSettings, OidcSettings
from modelyard.apim.settings import ApimSettings
from modelyard.deletion.settings import DeletionSettings
from modelyard.deployments.settings import DeploymentSettings, LocalTargetSettings
from modelyard.errors import Invalid
from modelyard.gateway.publishing.settings import PublishingSettings
from modelyard.gateway.settings import RoutingSettings
from modelyard.gateway_node.settings import GatewayNodeSettings
from modelyard.http.settings import HttpSettings
from modelyard.images.settings import ImageSettings
from modelyard.isolation import Isolation, choose_isolation
from modelyard.job_secrets.settings import SecretsSettings
from modelyard.jobs.settings import JobSettings
from modelyard.leases.settings import LeaseSettings
from modelyard.mirror.settings import MirrorSettings
from modelyard.packaging.settings import EnvironmentSettings, PackagingSettings
from modelyard.projects.settings import ProjectSettings
from modelyard.registry.settings import RegistrySettings
from modelyard.storage import StorageSettings
from modelyard.tracking_server import TrackingServerSettings
from modelyard.training.settings import RunnerSettings, RunSettings
from modelyard.trusted_sources import is_loopback
from modelyard.uploads.settings import UploadSettings
from modelyard.webhooks.settings import WebhookSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one control plane. A group that is not given is read from the environment.

    Raises:
        Invalid: code `setting_invalid`; the message names the variable, the expected and the actual value.
    """

    http: HttpSettings = field(default_factory=HttpSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    tracking_server: TrackingServerSettings = field(default_factory=TrackingServerSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    mirror: MirrorSettings = field(default_factory=MirrorSettings)
    deletion: DeletionSettings = field(default_factory=DeletionSettings)
    uploads: UploadSettings = field(default_factory=UploadSettings)
    leases: LeaseSettings = field(default_factory=LeaseSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    projects: ProjectSettings = field(default_factory=ProjectSettings)
    secrets: SecretsSettings = field(default_factory=SecretsSettings)
    runs: RunSettings = field(default_factory=RunSettings)
    runners: RunnerSettings = field(default_factory=RunnerSettings)
    environments: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    packaging: PackagingSettings = field(default_factory=PackagingSettings)
    deployments: DeploymentSettings = field(default_factory=DeploymentSettings)
    images: ImageSettings = field(default_factory=ImageSettings)
    local_target: LocalTargetSettings = field(default_factory=LocalTargetSettings)
    gateway: PublishingSettings = field(default_factory=PublishingSettings)
    gateway_node: GatewayNodeSettings = field(default_factory=GatewayNodeSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    apim: ApimSettings = field(default_factory=ApimSettings)

    def __post_init__(self) -> None:
        """Refuse settings of several groups that do not go together."""
        home = self.storage.places.root
        for place in self.runs.readable:
            if home.is_relative_to(place) or place.is_relative_to(home):
                raise Invalid(
                    f"MODELYARD_RUN_READABLE names {place}, which holds the platform's home or lies in it: a run would "
                    "read what it must not",
                    code="setting_invalid",
                )
        if unknown := sorted(self.images.repositories.keys() - self.deployments.targets.keys()):
            raise Invalid(
                f"MODELYARD_IMAGE_REPOSITORIES: expected names of targets ({', '.join(self.deployments.targets)}, by "
                f"MODELYARD_TARGETS), got {unknown[0]!r}",
                code="setting_invalid",
            )
        if not self.access.auth and not is_loopback(self.tracking_server.host):
            raise Invalid(
                "MODELYARD_AUTH=false lets in everybody who reaches the address, so MODELYARD_MLFLOW_HOST must be "
                f"loopback, not {self.tracking_server.host}",
                code="setting_invalid",
            )
        if not self.access.auth and not is_loopback(self.http.host):
            raise Invalid(
                f"MODELYARD_AUTH=false lets in everybody who reaches the address, so MODELYARD_HOST must be loopback, "
                f"not {self.http.host}",
                code="setting_invalid",
            )

    @property
    def isolation(self) -> Isolation:
        """How users' code is isolated.

        Raises:
            Invalid: the requested isolation is unavailable.
        """
        return choose_isolation(self.runs.isolation, home=self.storage.places.root, readable=tuple(self.runs.readable))
