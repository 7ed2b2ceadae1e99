"""Where a node of the gateway listens, where it finds the control plane, and how it stops."""

import socket
from pathlib import Path

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from modelyard.home import Home
from modelyard.key_file import kept_key
from modelyard.setting_group import SettingGroup
from modelyard.trusted_sources import is_loopback

_MOST_SECONDS = 86_400


class GatewayNodeSettings(SettingGroup):
    """One node."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_GATEWAY_")

    host: str = "127.0.0.1"
    """The address on which the gateway listens."""
    port: int = Field(default=8080, ge=1, le=65535)
    """The port on which it takes HTTP/1.1, HTTP/2 and gRPC."""
    tls_port: int = Field(default=8443, ge=1, le=65535)
    """The port on which it takes the same over TLS, when it has a certificate."""
    tls_certificate: Path | None = None
    """A file with its certificate and those between it and the authority (PEM). It is looked at every second, so that
    another one in its place is used without a restart."""
    tls_key: Path | None = None
    """A file with the certificate's private key (PEM)."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """The port on which `GET /metrics` gives the gateway's metrics to Prometheus, at the same address; none when it is
    not set."""
    trusted_hops: int = Field(default=0, ge=0, le=10)
    """How many proxies before the gateway are trusted to say in `X-Forwarded-For` who the caller is."""
    threads: int | None = Field(default=None, ge=1, le=128)
    """How many threads serve requests; as many as processors, at most 4, when it is not set."""
    max_connections: int = Field(default=10_000, ge=1, le=1_000_000)
    """How many connections of callers are open at once; one more is closed when it comes."""
    headers_seconds: int = Field(default=30, ge=1, le=_MOST_SECONDS)
    """How long a caller may take to send the headers of a request."""
    body_seconds: int = Field(default=300, ge=1, le=_MOST_SECONDS)
    """How long a caller may take to send a whole request, from its first byte; how long the prediction takes does not
    count."""
    drain_seconds: int = Field(default=60, ge=0, le=_MOST_SECONDS)
    """How long requests that have begun may go on when the gateway stops: more than the longest prediction takes."""
    notice_seconds: int = Field(default=0, ge=0, le=600)
    """How long it still takes new connections after it began to say that it is not ready, so that a load balancer
    notices before."""
    node: str | None = Field(default=None, min_length=1, max_length=100)
    """The node's name; that of the machine when it is not set."""
    control_url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^/?#]+$")
    """Where the control plane is called."""
    key: SecretStr | None = Field(default=None, min_length=32)
    """With which nodes log in at the control plane; a file in the home when it is not set. All of one installation
    need the same."""

    @model_validator(mode="after")
    def _check_tls(self) -> "GatewayNodeSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(
                "MODELYARD_GATEWAY_TLS_CERTIFICATE and MODELYARD_GATEWAY_TLS_KEY go together; one of them came alone"
            )
        ports = [self.port, *([self.tls_port] if self.has_tls else []), self.metrics_port]
        if len(set(ports)) < len(ports):
            raise ValueError(
                "MODELYARD_GATEWAY_PORT, MODELYARD_GATEWAY_TLS_PORT and MODELYARD_GATEWAY_METRICS_PORT must differ"
            )
        return self

    @property
    def name(self) -> str:
        """The node's."""
        return self.node or socket.gethostname()

    @property
    def has_tls(self) -> bool:
        """Whether it listens for TLS."""
        return self.tls_certificate is not None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can call it."""
        return is_loopback(self.host)

    def credential(self, home: Home) -> str:
        """With which nodes log in at the control plane."""
        return kept_key(home.gateway_key_file) if self.key is None else self.key.get_secret_value()
