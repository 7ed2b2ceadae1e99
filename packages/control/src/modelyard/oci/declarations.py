"""What the author of a model declares of it, as MLflow's `metadata` of a logged model: `source` and `license`."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from modelyard.oci.bundle_layers import BundleContent

_FILE = "model/MLmodel"
_MOST_BYTES = 1024 * 1024
_URL = re.compile(r"https?://[!-~]{1,500}")
_EXPRESSION = re.compile(r"[A-Za-z0-9.+() -]{1,200}")
"""Characters of an SPDX licence expression."""


def declared_by_author(bundle: BundleContent) -> Mapping[str, str]:
    """The annotations `source` and `licenses`, as far as they are declared and are what they should be.

    Raises:
        Conflict: code `artifact_changed`: the file is not what the manifest says.
    """
    metadata = _metadata(bundle)
    source, licenses = metadata.get("source"), metadata.get("license") or metadata.get("licenses")
    found = {}
    if isinstance(source, str) and _URL.fullmatch(source):
        found["source"] = source
    if isinstance(licenses, str) and _EXPRESSION.fullmatch(licenses):
        found["licenses"] = licenses
    return found


def _metadata(bundle: BundleContent) -> Mapping[str, Any]:
    file = next((one for one in bundle.files if one.path == _FILE and one.size <= _MOST_BYTES), None)
    try:
        content = None if file is None else yaml.safe_load(bundle.read(file))
    except (yaml.YAMLError, RecursionError):
        return {}
    metadata = content.get("metadata") if isinstance(content, dict) else None
    return metadata if isinstance(metadata, dict) else {}
