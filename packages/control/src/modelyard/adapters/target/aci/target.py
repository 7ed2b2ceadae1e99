"""The deployment target of type `aci`."""

from collections.abc import Mapping
from typing import Any

from modelyard.adapters.azure import Credential, managed_credential
from modelyard.adapters.balancer import Balancer
from modelyard.adapters.target.aci.manager import ContainerGroups
from modelyard.adapters.target.aci.options import AciOptions
from modelyard.adapters.target.aci.replicas import AciReplicas
from modelyard.adapters.target.balanced import BalancedTarget, require_balancer
from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.options import read_options
from modelyard.supervision.supervisor import Supervisor

_GIGABYTE = 1024**3


class AciTarget(BalancedTarget):
    """Container groups of one resource group. It offers no GPUs: which a region has is not known before it is asked.

    Args:
        arm: further options of Azure's own client.
    """

    def __init__(
        self, name: str, options: AciOptions, context: TargetContext, credential: Credential, **arm: Any
    ) -> None:
        folder = context.home.target(name)
        self._groups = ContainerGroups(options, credential, operations=folder / ".operations", arm=arm)
        self._options = options
        super().__init__(
            AciReplicas(self._groups, installation=context.installation, target=name, options=options, folder=folder),
            Balancer(context.home, Supervisor(context.home)),
            installation=context.installation,
            folder=folder,
            ports=context.server_ports,
            balancer_host=str(options.balancer_host),
            url_host=str(options.url_host or options.balancer_host),
        )

    @classmethod
    def configured(cls, name: str, options: Mapping[str, Any], context: TargetContext) -> "AciTarget":
        """Azure is asked when the target is first used."""
        read = read_options(AciOptions, name, options)
        require_balancer(name)
        return cls(name, read, context, managed_credential(read.client_id))

    @property
    def pulls(self) -> bool:
        """Azure does."""
        return True

    @property
    def most_cpu(self) -> float | None:
        """As the options say."""
        return self._options.max_cpu

    @property
    def max_memory_bytes(self) -> int | None:
        """As the options say."""
        return int(self._options.max_memory_gb * _GIGABYTE)

    def close(self) -> None:
        """Close the connections to Azure."""
        self._groups.close()
