"""Resources of Envoy as files (xDS over the file system): Envoy reads a file again when another is moved over it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.atomic_file import replace_text

Resource = Mapping[str, Any]

LAYERED_RUNTIME = {
    "layers": [
        {
            "name": "modelyard",
            # A header that came twice is one list (RFC 9110, 5.3). Matched one by one, the value that suits a rule
            # would hide the other.
            "static_layer": {
                "envoy.reloadable_features.match_headers_individually": False,
                # By itself Envoy refuses a pattern of more than 100 instructions, and with it the configuration of all
                # tenants: names and paths that we take have more. RE2 limits the memory of a pattern in any case.
                "re2.max_program_size.error_level": 1_000_000,
            },
        }
    ]
}
"""For the bootstrap of an Envoy that routes by headers."""
_TYPES = "type.googleapis.com/"


def typed(message: str, /, **fields: Any) -> dict[str, Any]:
    """A message of this type, `envoy.config.cluster.v3.Cluster`, as JSON."""
    return {"@type": _TYPES + message, **fields}


def from_file(path: Path) -> dict[str, Any]:
    """Where Envoy reads resources."""
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def write_resources(path: Path, resources: Sequence[Resource]) -> bool:
    """Make these all the resources of a file; whether that changed anything."""
    text = json.dumps({"resources": list(resources)}, sort_keys=True)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    replace_text(path, text)
    return True
