"""The registries that images are pushed to and bases come from, reached with the operator's credentials."""

from collections.abc import Collection, Mapping
from pathlib import Path

from modelyard.oci.registry.addresses import Addresses
from modelyard.oci.registry.client import Registry
from modelyard.oci.registry.credentials import DockerCredentials
from modelyard.oci.registry.transport import RegistryAccess


class Registries:
    """Opens connections to registries.

    Args:
        docker_config: Docker's configuration; none there says nothing.
        environment: of credential helpers.
        plain_http: hosts (with their ports) that are called without TLS, besides those of this machine.
    """

    def __init__(self, docker_config: Path, *, environment: Mapping[str, str], plain_http: Collection[str]) -> None:
        self._access = RegistryAccess(
            credentials=DockerCredentials(docker_config, environment=environment), addresses=Addresses(plain_http)
        )

    def open(self, host: str) -> Registry:
        """The registry of a host, to be closed."""
        return Registry(host, self._access)
