"""Where images are named and pushed to, and what they are built on."""

import os
import platform
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from modelyard.errors import Invalid
from modelyard.images.base_source import BaseSource
from modelyard.images.cache_bounds import CacheBounds
from modelyard.images.domain import Repositories
from modelyard.oci.content import Platform
from modelyard.oci.reference import Repository, check_host
from modelyard.setting_group import COMMA_SEPARATED, SettingGroup

T = TypeVar("T")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_PLATFORMS = ("linux/amd64", "linux/arm64", "linux/ppc64le", "linux/riscv64", "linux/s390x")
_MAX_NAME = 200
"""Of a repository, so that a tenant's fits below it."""


class ImageSettings(SettingGroup):
    """Images of versions."""

    model_config = SettingsConfigDict(env_prefix="MODELYARD_IMAGE_")

    repository: str = "localhost/modelyard"
    """What images are named by, `registry.example.com/models`, and so where they are pushed to. Images in a repository
    of `localhost` without a port stay on this machine, for targets that load them."""
    repositories: dict[str, str] = Field(default={})
    """The same for single targets, as JSON: `{"aks": "example.azurecr.io/models"}`."""
    base: str | None = None
    """What images are built on: an image by its digest (`registry.example.com/python@sha256:…`), an OCI layout
    (`oci:/srv/bases:python-3.11`), or the name of one that `modelyard images base import` has imported. Without it, the
    imported one, if there is exactly one."""
    platform: str | None = None
    """Which machine images are for, `linux/amd64`; this one's when it is not set."""
    docker_config: Path | None = None
    """Docker's configuration with the credentials of registries; `~/.docker/config.json`, or as DOCKER_CONFIG says."""
    plain_http: Annotated[list[str], NoDecode, COMMA_SEPARATED] = Field(default=[])
    """Registries (`<host>:<port>`) that are called without TLS, besides those of this machine."""
    cache_mb: int = Field(default=20_480, ge=0)
    """How much is kept so that the next image is made sooner: wheels, fetched bases, images of runs, and images of
    versions that are in their registry and that no deployment uses. Beyond it, what was used longest ago goes."""
    cache_days: float = Field(default=90, ge=0, le=3650)
    """What of it was not used for so long goes in any case. What was used in the last hour stays."""

    @field_validator("repository")
    @classmethod
    def _check_repository(cls, text: str) -> str:
        return _checked_repository(text)

    @field_validator("repositories")
    @classmethod
    def _check_repositories(cls, texts: dict[str, str]) -> dict[str, str]:
        return {target: _checked_repository(text) for target, text in texts.items()}

    @field_validator("base")
    @classmethod
    def _check_base(cls, text: str | None) -> str | None:
        if text is not None:
            _in_words(partial(BaseSource.parse, text))
        return text

    @field_validator("platform")
    @classmethod
    def _check_platform(cls, text: str | None) -> str | None:
        if text is not None and text not in _PLATFORMS:
            raise ValueError(f"expected one of {', '.join(_PLATFORMS)}")
        return text

    @field_validator("plain_http")
    @classmethod
    def _check_hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            _in_words(partial(check_host, host, field="plain_http"))
        return hosts

    @model_validator(mode="after")
    def _keep_tenants_apart(self) -> Self:
        """Tenants have repositories below the configured ones, where no other configured one may be."""
        names = sorted({self.repository, *self.repositories.values()})
        for outer in names:
            inner = next((name for name in names if name.startswith(f"{outer}/")), None)
            if inner is not None:
                raise ValueError(
                    f"MODELYARD_IMAGE_REPOSITORIES: expected no repository below another one, where tenants have "
                    f"theirs, got '{inner}' below '{outer}'"
                )
        return self

    @property
    def named_repositories(self) -> Repositories:
        """Where images are named."""
        targets = {target: Repository.parse(text) for target, text in self.repositories.items()}
        return Repositories(Repository.parse(self.repository), targets)

    @property
    def cache_bounds(self) -> CacheBounds:
        """How much is kept, and for how long."""
        return CacheBounds(max_bytes=self.cache_mb * 1024 * 1024, max_age=timedelta(days=self.cache_days))

    @property
    def base_source(self) -> BaseSource | None:
        """Where the base comes from, if that is configured."""
        return None if self.base is None else BaseSource.parse(self.base)

    @property
    def target_platform(self) -> Platform:
        """Which machine images are for."""
        machine = platform.machine()
        text = self.platform or f"linux/{_MACHINES.get(machine, machine)}"
        system, _, architecture = text.partition("/")
        return Platform(architecture, system)

    def docker_config_file(self, environment: Mapping[str, str] = os.environ) -> Path:
        """Where the credentials of registries are."""
        if self.docker_config is not None:
            return self.docker_config
        folder = environment.get("DOCKER_CONFIG")
        return (Path(folder) if folder else Path(environment.get("HOME", "/")) / ".docker") / "config.json"


def _checked_repository(text: str) -> str:
    def check() -> Repository:
        repository = Repository.parse(text)
        if len(repository.name) > _MAX_NAME:
            raise Invalid(f"expected a name of at most {_MAX_NAME} characters", code="reference_invalid")
        return repository

    return str(_in_words(check))


def _in_words(read: Callable[[], T]) -> T:
    """What is read, or pydantic's error with our sentence."""
    try:
        return read()
    except Invalid as error:
        raise ValueError(error.message) from error
