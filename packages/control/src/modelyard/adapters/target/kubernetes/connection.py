"""How a cluster is reached: the client that its kubeconfig or its service account describes."""

import httpx2
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.errors import Invalid

_TIMEOUT = httpx2.Timeout(10, connect=3)


def connect(name: str, options: KubernetesOptions) -> httpx2.Client:
    """The client of a target's cluster, which is not asked for anything yet.

    Raises:
        Invalid: code `target_options_invalid`.
    """
    try:
        return Client(_config(options), ConnectionParams(timeout=_TIMEOUT))
    except (ConfigError, OSError, LookupError, ValueError, TypeError) as exc:
        place = "in_cluster" if options.in_cluster else f"kubeconfig ({options.kubeconfig})"
        raise Invalid(
            f"MODELYARD_TARGETS: the target '{name}': {place}: expected the configuration of a cluster: {exc}",
            code="target_options_invalid",
            field=f"targets.{name}",
        ) from exc


def _config(options: KubernetesOptions) -> SingleConfig:
    if options.kubeconfig is None:
        config = KubeConfig.from_service_account()
    else:
        config = KubeConfig.from_file(options.kubeconfig)
    found = config.get(options.context)
    if found is None or found.user is None:
        raise ConfigError("its context names no user")
    return found
