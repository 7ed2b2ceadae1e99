"""Tries a whole configuration with an Envoy that checks it and ends, before the one that serves sees any of it."""

import json
import re
import subprocess

from modelyard.atomic_file import replace_text
from modelyard.envoy.binary import envoy_binary
from modelyard.gateway_node.bootstrap import proof
from modelyard.gateway_node.configuration import Configuration
from modelyard.gateway_node.confirmation import RefusedError
from modelyard.gateway_node.filters import FILTERS
from modelyard.gateway_node.folder import NodeFolder

_SECONDS = 30
_SAID = re.compile(r"(?:error initializing configuration '[^']*'|Protobuf message \(type [^)]*\))\s*[:]?\s*(.+)")

_QUOTED = re.compile(r"\): (?:\{|[a-z_]+ \{|[a-z_]+: ).*", re.DOTALL)
"""Envoy quotes the message that it cannot take, which is the whole configuration: of all tenants."""


def prove(configuration: Configuration, folder: NodeFolder) -> None:
    """Refuse a configuration that Envoy would refuse, or whose routes lead to clusters that it does not have.

    Raises:
        RefusedError: with what Envoy says of it.
        Unavailable: code `envoy_missing`.
    """
    _check_filters(configuration)
    replace_text(folder.proof, json.dumps(proof(configuration)))
    command = [str(envoy_binary()), "--mode", "validate", "--config-path", str(folder.proof)]
    options = ["--disable-hot-restart", "--reject-unknown-dynamic-fields", "--log-level", "critical"]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as exc:
        raise RefusedError(f"Envoy has not checked it after {_SECONDS} s") from exc
    finally:
        folder.proof.unlink(missing_ok=True)  # It may hold what nobody else shall read.
    if done.returncode != 0:
        raise RefusedError(_reason(done.stderr))


def _check_filters(configuration: Configuration) -> None:
    unknown = sorted(configuration.filters.keys() - {each.name for each in FILTERS})
    if unknown:
        raise RefusedError(f"this node has no filter {unknown[0]!r}: it is older than the control plane")


def _reason(said: str) -> str:
    found = _SAID.search(said)
    lines = said.strip().splitlines()
    reason = found.group(1) if found else lines[-1] if lines else "Envoy refuses it"
    return _QUOTED.sub(")", reason).strip()
