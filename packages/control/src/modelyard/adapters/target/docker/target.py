"""The deployment target of type `docker`."""

from collections.abc import Mapping
from typing import Any

from modelyard.adapters.balancer import Balancer
from modelyard.adapters.target.balanced import BalancedTarget, require_balancer
from modelyard.adapters.target.balanced.server_arguments import server_arguments
from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.target.docker.engine import Engine
from modelyard.adapters.target.docker.images import EngineImages
from modelyard.adapters.target.docker.options import DockerOptions
from modelyard.adapters.target.docker.replicas import DockerReplicas
from modelyard.adapters.target.options import read_options
from modelyard.supervision.supervisor import Supervisor

_MEBIBYTE = 1024 * 1024


class DockerTarget(BalancedTarget):
    """Containers of one engine. A replica is one container, and no other is looked at."""

    def __init__(self, name: str, options: DockerOptions, context: TargetContext) -> None:
        self._engine = Engine(name, options)
        self._images = EngineImages(self._engine, context.images if options.images == "load" else None)
        self._max_cpu = options.max_cpu
        self._memory_bytes = (
            context.replica_memory_bytes if options.memory_mb is None else options.memory_mb * _MEBIBYTE
        )
        folder = context.home.target(name)
        url_host = options.url_host or str(options.balancer_host)
        super().__init__(
            DockerReplicas(
                self._engine,
                self._images,
                installation=context.installation,
                target=name,
                options=options,
                folder=folder,
                arguments=server_arguments(context.server_settings, url_host=url_host),
                memory_bytes=self._memory_bytes,
            ),
            Balancer(context.home, Supervisor(context.home)),
            installation=context.installation,
            folder=folder,
            ports=context.server_ports,
            balancer_host=str(options.balancer_host),
            url_host=url_host,
        )

    @classmethod
    def configured(cls, name: str, options: Mapping[str, Any], context: TargetContext) -> "DockerTarget":
        """The engine is not asked: it may be away when the control plane starts."""
        read = read_options(DockerOptions, name, options)
        require_balancer(name)
        return cls(name, read, context) if read.gpus is None else GpuDockerTarget(name, read, context)

    @property
    def pulls(self) -> bool:
        """As the options say."""
        return self._images.pulls

    @property
    def most_cpu(self) -> float | None:
        """As the options say."""
        return self._max_cpu

    @property
    def max_memory_bytes(self) -> int | None:
        """As the options say, or the settings of all targets."""
        return self._memory_bytes

    def close(self) -> None:
        """Close the connections to the engine."""
        self._images.close()
        self._engine.close()


class GpuDockerTarget(DockerTarget):
    """One whose operator says that the engine has GPUs. The plain one is no `OffersGpus`, so they are refused there."""

    def __init__(self, name: str, options: DockerOptions, context: TargetContext) -> None:
        super().__init__(name, options, context)
        self._most_gpus = options.gpus

    @property
    def most_gpus(self) -> int | None:
        """Of one replica."""
        return self._most_gpus
