"""Which MLflow tracking server is used: the local stack's own, or one that its users have already."""

import importlib.metadata
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from modelyard.home import Home
from modelyard.key_file import kept_key
from modelyard.setting_group import SettingGroup

_HOSTS = ("127.0.0.1", "0.0.0.0")  # noqa: S104  # Which of them is the operator's choice.


class TrackingServerSettings(SettingGroup):
    """MLflow's addresses."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_MLFLOW_")

    port: int = 5000
    """Where the local stack's own tracking server listens, on loopback."""
    host: str = "127.0.0.1"
    """Where it listens. `0.0.0.0` lets runs in containers and pods reach it; it takes requests with a token only."""
    service_url: str | None = None
    """Where it is called when it runs in a container or pod of its own, `http://mlflow:5000`; on loopback when it is
    not set."""
    key: SecretStr | None = Field(default=None, min_length=32)
    """With which tokens of runs for it are signed; a file in the home when it is not set. The control planes and the
    server of one installation need the same."""
    tracking_uri: str | None = Field(
        default=None, validation_alias=AliasChoices("MLFLOW_TRACKING_URI", "MODELYARD_MLFLOW_TRACKING_URI")
    )
    """A tracking server that is not ours; the local stack's own when it is not set."""
    artifact_root: str | None = Field(default=None, validation_alias="MLFLOW_ARTIFACT_ROOT")
    """Where the tracking server keeps artifacts; ours in a folder of the home when it is not set. One that is not ours
    and does not hand them out itself needs it: from nowhere else are files fetched."""
    backend_uri: str | None = None
    """MLflow's own database, to remove records of purged runs from it; that of our own server when it is not set."""

    @field_validator("host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        if host not in _HOSTS:
            raise ValueError(f"expected one of {', '.join(_HOSTS)}: the control plane calls it on loopback")
        return host

    @property
    def is_own(self) -> bool:
        """Whether it is the local stack's own."""
        return self.tracking_uri is None

    @property
    def uri(self) -> str:
        """The tracking server's address."""
        return self.tracking_uri or self.service_url or f"http://127.0.0.1:{self.port}"

    @property
    def called_host(self) -> str:
        """Where others than the control plane have to call it: the host of its address, or where ours listens."""
        listens_here = self.is_own and self.service_url is None
        return self.host if listens_here else urlsplit(self.uri).hostname or ""

    @property
    def foreign_artifacts(self) -> str | None:
        """Where artifacts are fetched besides from the tracking server; ours hands all of them out itself."""
        return None if self.is_own else self.artifact_root

    def signing_key(self, home: Home) -> str:
        """With which tokens of runs are signed."""
        return kept_key(home.tracking_key_file) if self.key is None else self.key.get_secret_value()

    @property
    def requirement(self) -> str:
        """The tracker's client in every environment of a run: as new as our own, so that both speak alike."""
        return f"mlflow=={importlib.metadata.version('mlflow')}"

    def backend(self, home: Home) -> str | None:
        """The tracking server's own database, where it is known."""
        if self.backend_uri is None and self.is_own:
            return f"sqlite:///{home.mlflow / 'mlflow.db'}"
        return self.backend_uri
