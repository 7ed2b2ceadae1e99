"""What can be seen to be wrong before anything is started. Each check raises Invalid with one sentence."""

import importlib.util
import os
import re
from itertools import combinations
from urllib.parse import urlsplit

from modelyard.errors import DiskFull, Invalid
from modelyard.home import Home
from modelyard.local.stack_file import Stack
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.trusted_sources import is_loopback

_UNUSABLE_IN_PATHS = re.compile(r"[\[\]*?%;#\"'\x00-\x1f]")  # A meaning in supervisord's files, or in those of a shell.
_CLIENTS = {
    "s3": "boto3",
    "gs": "google.cloud.storage",
    "wasbs": "azure.storage.blob",
    "abfss": "azure.storage.filedatalake",
}
"""The module that MLflow needs for an artifact root of this scheme."""


def check_home(home: Home) -> None:
    """The folder's path can stand in supervisord's configuration."""
    found = _UNUSABLE_IN_PATHS.search(os.fspath(home.root))
    if found:
        raise Invalid(
            f"--home {home.root} holds {found.group()!r}, which the process supervisor cannot have in a path.",
            code="home_unusable",
        )


def check_stack(stack: Stack) -> None:
    """Everybody is let in on loopback only, and each service has a port of its own."""
    if not stack.auth and not is_loopback(stack.host):
        raise Invalid(
            f"--no-auth lets in everybody who reaches the address, so it is for loopback only, not for {stack.host}.",
            code="open_beyond_loopback",
        )
    ports = {"--port": stack.port}
    if stack.tracking_uri is None:
        ports["--mlflow-port"] = stack.mlflow_port
    if stack.gateway:
        ports["--gateway-port"] = stack.gateway_port
    for (one, port), (other, same) in combinations(ports.items(), 2):
        if port == same:
            raise Invalid(f"{one} and {other} are both {port}; they must differ.", code="ports_equal")


def check_settings() -> None:
    """What the environment sets can be read, the isolation is to be had, and the artifact root can be reached."""
    settings = Settings()
    _ = settings.isolation
    root = settings.tracking_server.artifact_root or ""
    client = _CLIENTS.get(urlsplit(root).scheme)
    if client is not None and settings.tracking_server.is_own and not _is_installed(client):
        raise Invalid(
            f"MLFLOW_ARTIFACT_ROOT is {root}, for which MLflow needs the Python module {client}; it is not installed.",
            code="artifact_client_missing",
        )


def check_disk(home: Home) -> None:
    """There is space for the logs and databases of what is started; what a full stack had in reserve is given up."""
    disk = StorageSettings(home=home.root).disk
    disk.settle()
    reason = disk.fullness()
    if reason is not None:
        raise DiskFull(f"{reason}: make room there, and repeat `modelyard up`.")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # A package above it is missing.
        return False
