"""How a cluster is reached: the client that its kubeconfig or its service account describes."""

import httpx2
import yaml
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from modelyard.adapters.kubernetes.options import ClusterOptions
from modelyard.errors import Invalid

TIMEOUT = httpx2.Timeout(10, connect=3)
"""Of a call."""
UNREADABLE = (ConfigError, AttributeError, LookupError, TypeError, ValueError, yaml.YAMLError)
"""What lightkube raises of a kubeconfig that is none."""


def connect(options: ClusterOptions) -> httpx2.Client:
    """The client of a cluster, which is not asked for anything yet.

    Raises:
        Invalid: code `cluster_options_invalid`; it names the setting.
    """
    try:
        return Client(_config(options), ConnectionParams(timeout=TIMEOUT))
    except (*UNREADABLE, OSError) as exc:
        place = "in_cluster" if options.in_cluster else f"kubeconfig ({options.kubeconfig})"
        raise Invalid(
            f"{place}: expected the configuration of a cluster: {exc}", code="cluster_options_invalid"
        ) from exc


def _config(options: ClusterOptions) -> SingleConfig:
    if options.kubeconfig is None:
        config = KubeConfig.from_service_account()
    else:
        config = KubeConfig.from_file(options.kubeconfig)
    return with_user(config.get(options.context))


def with_user(config: SingleConfig | None) -> SingleConfig:
    """A configuration that names its user.

    Raises:
        ConfigError: it does not.
    """
    if config is None or config.user is None:
        raise ConfigError("its context names no user")
    return config
