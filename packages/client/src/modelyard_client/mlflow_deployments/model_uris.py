"""What a model's URI means: a version of a registry, a logged model of a run, or files elsewhere. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from modelyard_client.errors import Invalid

_LOGGED = re.compile(r"models:/m-[0-9a-f]{32}|runs:/[0-9a-f]{32}/[^/\s].*")
_STAGES = ("production", "staging")
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a registered model: by number, or by an alias; `latest`, `production` and `staging` are some."""

    name: str
    version: int | None
    alias: str | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A model that a run logged, registered or not."""

    uri: str


@dataclass(frozen=True, slots=True)
class Files:
    """An MLflow model in a folder or a store: whatever MLflow can download."""

    uri: str


def parse(uri: str) -> Registered | Logged | Files:
    """The meaning of `models:/churn/3`, `models:/churn@production`, `models:/m-…`, `runs:/<run>/model`, or other text.

    Raises:
        Invalid: an address of a registry that names no version.
    """
    if _LOGGED.fullmatch(uri):
        return Logged(uri)
    if not uri.startswith("models:"):
        return Files(uri)
    path = unquote(uri.removeprefix("models:").lstrip("/"))
    name, _, version = path.rpartition("/")
    if name and "/" not in name:
        if version.isascii() and version.isdecimal():
            return Registered(name, int(version), None)
        if version.lower() in {LATEST, *_STAGES}:
            return Registered(name, None, version.lower())
    elif "/" not in path:
        name, _, alias = path.rpartition("@")
        if name and alias:
            return Registered(name, None, alias)
    raise Invalid(
        "model_uri: expected models:/<name>/<version>, models:/<name>@<alias>, models:/m-…, runs:/<run>/<name>, or "
        f"where an MLflow model is, got {uri!r}",
        code="model_uri_invalid",
        field="model_uri",
    )
