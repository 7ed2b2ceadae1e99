"""The files that Envoy reads its resources from. Each has the digest of its content as its version, so that Envoy's
statistics say which content it took.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modelyard.atomic_file import replace_text
from modelyard.envoy.resources import Resource, typed
from modelyard.gateway_node.bootstrap import filter_message, with_endpoints
from modelyard.gateway_node.configuration import ROUTES_NAME, Configuration
from modelyard.gateway_node.filters import FILTERS
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.listeners import STAT_PREFIX

CLUSTERS_STAT = "cluster_manager.cds"
ROUTES_STAT = f"http.{STAT_PREFIX}.rds.{ROUTES_NAME}"
_VERSION_LENGTH = 16

Versions = dict[str, str]
"""The version that each subscription shall be at, by the beginning of its statistics' names."""


class ResourceFiles:
    """Writes resources into the folder of a node, and gives the versions that Envoy shall come to."""

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder

    def clusters(self) -> dict[str, Resource]:
        """Those that are written, by name; none before the first write."""
        return {each["name"]: each for each in read_resources(self._folder.clusters)}

    def endpoints(self) -> dict[str, Resource]:
        """Those that are written, by their cluster."""
        return {name: each["load_assignment"] for name, each in self.clusters().items() if "load_assignment" in each}

    def routes(self) -> Resource:
        """Those that are written; empty before the first write."""
        return next(iter(read_resources(self._folder.routes)), {})

    def write_clusters(
        self, clusters: Iterable[Resource], endpoints: Iterable[Resource], left: Iterable[Resource] = ()
    ) -> Versions:
        """All that there are, with their endpoints.

        Args:
            left: clusters as they are written, which stay so.
        """
        assigned = {each["cluster_name"]: each for each in endpoints}
        resources = [*(with_endpoints(each, assigned) for each in clusters), *left]
        return {CLUSTERS_STAT: write(self._folder.clusters, resources)}

    def write_filters(self, configuration: Configuration) -> Versions:
        """The settings of all filters."""
        return {
            f"extension_config_discovery.http_filter.{each.name}": write(
                self._folder.filter(each.name),
                [
                    typed(
                        "envoy.config.core.v3.TypedExtensionConfig",
                        name=each.name,
                        typed_config=filter_message(configuration, each.name),
                    )
                ],
            )
            for each in FILTERS
        }

    def write_routes(self, routes: Resource) -> Versions:
        """All of them."""
        return {ROUTES_STAT: write(self._folder.routes, [routes])}


def write(path: Path, resources: Sequence[Resource]) -> str:
    """Make these all the resources of a file, which is left as it is when it has them; their version."""
    content = json.dumps(list(resources), sort_keys=True)
    version = hashlib.sha256(content.encode()).hexdigest()[:_VERSION_LENGTH]
    if _content(path).get("version_info") != version:
        replace_text(path, f'{{"version_info": "{version}", "resources": {content}}}')
    return version


def read_resources(path: Path) -> list[dict[str, Any]]:
    """The resources of a file; none where there is no file."""
    return list(_content(path).get("resources", []))


def _content(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content
