"""Everything that can be set from outside, read once at start from the environment. It reads no file but through it."""

import importlib.metadata
import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from modelyard.disk import Disk
from modelyard.home import Home
from modelyard.isolation import Isolation, IsolationChoice, choose_isolation
from modelyard.principals import Role
from modelyard.trusted_sources import TrustedSources, checked_host, checked_origin, is_loopback

_MEBIBYTE = 1024 * 1024


def _split(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


_AllowedHost = Annotated[str, AfterValidator(checked_host)]
_AllowedOrigin = Annotated[str, AfterValidator(checked_origin)]
_Separated = BeforeValidator(_split)
"""A list that a variable holds as words with commas between them."""


class Settings(BaseSettings):
    """Settings of one control plane. Variables are `MODELYARD_<NAME>`, but for those that the contract names."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_", frozen=True)

    home: Path = Path("~/.modelyard")
    host: str = "127.0.0.1"
    port: int = 8000
    mlflow_port: int = 5000
    auth: bool = True
    """False only on loopback: every caller is then the first tenant's administrator."""

    allowed_hosts: Annotated[list[_AllowedHost], NoDecode, _Separated] = []
    """With commas between them, without ports: names by which requests may call this server, besides those of loopback
    or, when it listens elsewhere, IP addresses. `*.example.com` is every name below `example.com`."""
    allowed_origins: Annotated[list[_AllowedOrigin], NoDecode, _Separated] = []
    """With commas between them: origins of pages that may call besides its own, for a proxy that changes `Host`."""

    failed_logins_per_minute: int = Field(default=30, ge=1)
    """From one address, or with one beginning of a token, in one process; more are answered with 429."""

    oidc_issuer: str | None = None
    """An OpenID Connect issuer whose tokens are let in too, exactly as they name it in `iss`."""
    oidc_audience: str | None = None
    """What its tokens must name in `aud`."""
    oidc_keys_url: str | None = None
    """Where its keys are, when that is another origin than the issuer's."""
    oidc_leeway_seconds: float = Field(default=30, ge=0, le=300)
    oidc_subject_claim: str = "sub"
    oidc_tenant_claim: str | None = None
    """Without one, all are of the first tenant."""
    oidc_tenants: dict[str, str] = {}
    """From the claim's value to a tenant's id, as JSON; without any, the value is the id."""
    oidc_role_claim: str | None = None
    """Without one, only members are let in, with the role that they have here."""
    oidc_roles: dict[str, Role] = {}
    """From the claim's values to roles, as JSON."""

    database_url: str | None = None
    """SQLAlchemy address of our tables; a SQLite file in the home when it is not set."""
    jobs_database_url: str | None = None
    """SQLAlchemy address of the durable jobs' checkpoints; a SQLite file in the home when it is not set."""
    mlflow_tracking_uri: str | None = Field(
        default=None, validation_alias=AliasChoices("MLFLOW_TRACKING_URI", "MODELYARD_MLFLOW_TRACKING_URI")
    )
    """A tracking server that is not ours; the local stack's own when it is not set."""
    mlflow_artifact_root: str | None = Field(default=None, validation_alias="MLFLOW_ARTIFACT_ROOT")
    """Where the tracking server keeps artifacts; ours in a folder of the home when it is not set. One that is not ours
    and does not hand them out itself needs it: from nowhere else are files fetched."""
    mlflow_backend_uri: str | None = None
    """MLflow's own database, to remove records of purged runs from it; that of our own server when it is not set."""
    deletion_grace_days: float = Field(default=30, ge=0, le=3650)
    """How long a deleted version can be restored, before its files are gone for good."""
    purge_interval_seconds: float = Field(default=3600, gt=0)

    registry_cache_ttl: int = Field(default=300, ge=0, validation_alias="ML_REGISTRY_CACHE_TTL")
    """Seconds."""

    disk_floor_mb: int = Field(default=256, ge=0)
    """What stays free on the home's disk, at most a twentieth of it: what takes space is refused before."""
    disk_reserve_mb: int = Field(default=64, ge=0)
    """A file that is given up when the disk is full, at most a fortieth of it, so that what runs can be ended."""

    upload_mb: int = Field(default=20 * 1024, ge=1)
    """Of one uploaded file, and of what it unpacks to."""
    upload_idle_seconds: float = Field(default=24 * 3600, gt=0)
    """How long an upload waits for its next piece before it is given up."""

    project_mb: int = Field(default=256, ge=1)
    """Of the archive of a project that is trained, and of what it unpacks to."""
    project_days: float = Field(default=30, gt=0)
    """How long a project stays after it was last sent or run."""
    secrets_key: SecretStr | None = Field(default=None, min_length=32)
    """With which the secrets of jobs are encrypted; a file in the home when it is not set. All control planes of one
    database need the same."""

    mirror_seconds: float = Field(default=30, gt=0)
    """The pause between two looks at what was registered in MLflow."""
    mirror_all_seconds: float = Field(default=600, gt=0)
    """How often all models are compared with their mirrors, and repaired."""

    webhook_key: SecretStr | None = Field(default=None, min_length=32)
    """From which the secrets of webhooks are made; a file in the home when it is not set. All control planes of one
    database need the same."""
    webhook_allowed_networks: list[IPv4Network | IPv6Network] = []
    """As JSON, `["10.0.0.0/8"]`: where receivers may be besides public addresses, also without encryption."""
    webhook_ca_file: Path | None = None
    """Certificates of authorities that are trusted besides the system's."""
    webhook_attempts: int = Field(default=12, ge=1, le=100)
    """After so many a delivery is a dead letter; twelve take a day and more."""
    webhook_timeout_seconds: float = Field(default=10, gt=0, le=60)
    webhook_log_days: float = Field(default=30, gt=0)
    """How long deliveries that arrived stay in the log."""

    lease_seconds: float = Field(default=6, ge=1)
    """After this time without a sign of life another control plane of the same database takes over."""

    concurrent_jobs: int = Field(default_factory=lambda: max(2, os.cpu_count() or 2), ge=1)
    run_seconds: float = Field(default=6 * 3600, gt=0)
    run_memory_mb: int = Field(default=8 * 1024, ge=64)
    run_output_mb: int = Field(default=64, ge=1)
    run_disk_mb: int = Field(default=16 * 1024, ge=1)
    run_isolation: IsolationChoice = IsolationChoice.AUTO
    """`auto` takes the strongest mechanism that there is; `required` and a name refuse to start where it is not."""
    source_builds: bool = True
    """Whether a required package that has no wheel is built, which its own code does, isolated as runs are."""
    run_readable: Annotated[list[Path], NoDecode, _Separated] = []
    """Folders that every run may read besides its own: `/data,/mnt/sets`."""
    open_models: bool = True
    """Whether the model of a job or an upload is opened as its server will, before it becomes a version."""
    compile_models: bool = True
    """Whether packaging tries a verified compilation; a version whose trial fails is served as it was logged."""
    compile_seconds: float = Field(default=180, gt=0)
    """How long a trial may take."""
    compile_memory_mb: int = Field(default=4 * 1024, ge=64)
    replica_memory_mb: int | None = Field(default=4 * 1024, ge=64)
    ready_seconds: float = Field(default=120, gt=0)
    """How long a deployment may take until its first readiness."""
    lock_ttl_seconds: float = Field(default=24 * 3600, ge=0)
    """How long the same requirements give the same lock without asking the package index again."""
    server_port_first: int = Field(default=20_000, ge=1, le=65_535)
    server_port_last: int = Field(default=29_999, ge=1, le=65_535)
    """Addresses of model servers on this machine. One that a model had is given to no other model, so there must be
    many; these are below what Linux gives to outgoing connections."""

    @model_validator(mode="after")
    def _name_an_audience(self) -> Self:
        if self.oidc_issuer is not None and not self.oidc_audience:
            raise ValueError(
                "MODELYARD_OIDC_AUDIENCE must be set with MODELYARD_OIDC_ISSUER: else tokens that the issuer made for "
                "other services would be let in"
            )
        return self

    @field_validator("run_readable")
    @classmethod
    def _check_readable(cls, places: list[Path]) -> list[Path]:
        relative = [place for place in places if not place.is_absolute()]
        if relative:
            raise ValueError(f"expected absolute folders, got {str(relative[0])!r}")
        return places

    @model_validator(mode="after")
    def _keep_the_home_closed(self) -> Self:
        home = self.places.root
        for place in self.run_readable:
            if home.is_relative_to(place) or place.is_relative_to(home):
                raise ValueError(
                    f"MODELYARD_RUN_READABLE names {place}, which holds the platform's home or lies in it: a run would "
                    "read what it must not"
                )
        return self

    @model_validator(mode="after")
    def _ask_for_tokens_beyond_loopback(self) -> Self:
        if not self.auth and not is_loopback(self.host):
            raise ValueError(
                f"MODELYARD_AUTH=false lets in everybody who reaches the address, so MODELYARD_HOST must be loopback, "
                f"not {self.host}"
            )
        return self

    @property
    def trusted_sources(self) -> TrustedSources:
        """The names by which requests may call, and the pages that may."""
        return TrustedSources(listens_on=self.host, hosts=self.allowed_hosts, origins=self.allowed_origins)

    @model_validator(mode="after")
    def _have_ports(self) -> Self:
        if self.server_port_first > self.server_port_last:
            raise ValueError(
                f"MODELYARD_SERVER_PORT_FIRST ({self.server_port_first}) must not be above MODELYARD_SERVER_PORT_LAST "
                f"({self.server_port_last})"
            )
        return self

    @property
    def places(self) -> Home:
        """The home folder, absolute."""
        return Home(self.home.expanduser().absolute())

    @property
    def database(self) -> str:
        """Address of our tables."""
        return self.database_url or f"sqlite:///{self.places.database_file}"

    @property
    def jobs_database(self) -> str:
        """Address of the checkpoints."""
        return self.jobs_database_url or f"sqlite:///{self.places.jobs_database_file}"

    @property
    def tracking_uri(self) -> str:
        """The tracking server's address."""
        return self.mlflow_tracking_uri or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def tracking_backend(self) -> str | None:
        """The tracking server's own database, where we know it."""
        if self.mlflow_backend_uri is not None or self.mlflow_tracking_uri is not None:
            return self.mlflow_backend_uri
        return f"sqlite:///{self.places.mlflow / 'mlflow.db'}"

    @property
    def tracking_artifacts(self) -> str | None:
        """Where artifacts are fetched besides from the tracking server; ours hands all of them out itself."""
        return None if self.mlflow_tracking_uri is None else self.mlflow_artifact_root

    @property
    def tracking_requirement(self) -> str:
        """The tracker's client in every environment of a run: as new as our own, so that both speak alike."""
        return f"mlflow=={importlib.metadata.version('mlflow')}"

    @property
    def isolation(self) -> Isolation:
        """What stands between users' code and everything else; Invalid where what is demanded is not to be had."""
        return choose_isolation(self.run_isolation, home=self.places.root, readable=tuple(self.run_readable))

    @property
    def project_bytes(self) -> int:
        """Cap on a project's archive, and on what it unpacks to."""
        return self.project_mb * _MEBIBYTE

    @property
    def disk(self) -> Disk:
        """The disk of the home."""
        return Disk(
            self.places.root,
            floor_bytes=self.disk_floor_mb * _MEBIBYTE,
            reserve_bytes=self.disk_reserve_mb * _MEBIBYTE,
        )

    @property
    def run_memory_bytes(self) -> int:
        """Cap on a run's resident memory."""
        return self.run_memory_mb * _MEBIBYTE

    @property
    def run_output_bytes(self) -> int:
        """Cap on a run's log."""
        return self.run_output_mb * _MEBIBYTE

    @property
    def run_disk_bytes(self) -> int:
        """Cap on each file that a run writes."""
        return self.run_disk_mb * _MEBIBYTE

    @property
    def compile_memory_bytes(self) -> int:
        """Cap on the resident memory of a trial."""
        return self.compile_memory_mb * _MEBIBYTE

    @property
    def replica_memory_bytes(self) -> int | None:
        """Cap on a model server replica's resident memory."""
        return None if self.replica_memory_mb is None else self.replica_memory_mb * _MEBIBYTE
