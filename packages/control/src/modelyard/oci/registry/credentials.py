"""Credentials of registries from Docker's configuration: `auths`, `credsStore` and `credHelpers`.

A helper is a program `docker-credential-<name>` on the PATH that the operator installed; it is given a host and nothing
else. Nothing of a secret is in an error or a representation.
"""

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelyard.errors import Invalid, Unavailable

DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HELPER_SECONDS = 30
_MAX_CONFIG = 1024 * 1024
_NOT_FOUND = "credentials not found"
_IDENTITY = "<token>"
"""The user name with which a helper says that the secret is an identity token."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A user and a password, or an identity token that is exchanged for others."""

    username: str
    secret: str = field(repr=False)
    is_identity_token: bool = False

    @property
    def basic(self) -> str:
        """As the header `Authorization` carries it."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.secret}".encode()).decode()


class Credentials(Protocol):
    """Provides the credential for a host. May run a program; called each time a token is needed."""

    def of(self, host: str) -> Credential | None:
        """The credential for a registry (with its port where it has one); None where we are nobody.

        Raises:
            Invalid: code `credentials_invalid`.
            Unavailable: code `credential_helper_failed`.
        """


class Anonymous:
    """Nobody, everywhere."""

    def of(self, host: str) -> Credential | None:  # noqa: ARG002
        """None."""
        return None


class DockerCredentials:
    """Reads a `config.json` of Docker anew each time, since `docker login` changes it.

    Args:
        config: the file; none there says nothing.
        environment: of helpers.
    """

    def __init__(self, config: Path, *, environment: Mapping[str, str]) -> None:
        self._config = config
        self._environment = environment

    def of(self, host: str) -> Credential | None:
        """A helper of this host first, then the store of all, then what stands in the file."""
        config = self._read()
        keys = (_HUB_KEY, *sorted(DOCKER_HUB)) if host in DOCKER_HUB else (host, f"https://{host}", f"http://{host}")
        helpers = _mapping(config.get("credHelpers"))
        helper = next((helpers[key] for key in keys if key in helpers), None)
        if helper is not None:
            return self._run_helper(helper, keys[0])
        if config.get("credsStore"):
            found = self._run_helper(config["credsStore"], keys[0])
            if found is not None:
                return found
        auths = {_plain(key): value for key, value in _mapping(config.get("auths")).items()}
        return next((_written(_mapping(auths[_plain(key)]), host) for key in keys if _plain(key) in auths), None)

    def _read(self) -> Mapping[str, Any]:
        try:
            content = self._config.read_bytes()[: _MAX_CONFIG + 1]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _invalid_config(f"a file that can be read ({error.strerror})") from error
        try:
            config = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _invalid_config("JSON") from error
        if not isinstance(config, dict):
            raise _invalid_config("a JSON object")
        return config

    def _run_helper(self, helper: object, key: str) -> Credential | None:
        if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
            raise _invalid_config("names of credential helpers of letters, digits, '.', '_' and '-'")
        name = f"docker-credential-{helper}"
        program = shutil.which(name, path=self._environment.get("PATH"))
        if program is None:
            raise Unavailable(f"{name} is not on the PATH", code="credential_helper_failed")
        try:
            answer = subprocess.run(
                [program, "get"],
                input=key,
                env=dict(self._environment),
                capture_output=True,
                text=True,
                check=False,
                timeout=_HELPER_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
            raise Unavailable(f"{name} failed: {type(error).__name__}", code="credential_helper_failed") from error
        if answer.returncode != 0:
            if _NOT_FOUND in answer.stdout.lower():
                return None
            raise Unavailable(f"{name} ended with {answer.returncode}", code="credential_helper_failed")
        return _answered(answer.stdout, name)


def _answered(text: str, helper: str) -> Credential | None:
    try:
        document = json.loads(text)
        username, secret = document["Username"], document["Secret"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"{helper} sent no credential", code="credential_helper_failed") from error
    if not isinstance(username, str) or not isinstance(secret, str):
        raise Unavailable(f"{helper} sent no credential", code="credential_helper_failed")
    return Credential(username, secret, is_identity_token=username == _IDENTITY)


def _written(auth: Mapping[str, Any], host: str) -> Credential | None:
    identity = auth.get("identitytoken")
    if isinstance(identity, str) and identity:
        return Credential(_IDENTITY, identity, is_identity_token=True)
    username, password = auth.get("username"), auth.get("password")
    if isinstance(username, str) and isinstance(password, str):
        return Credential(username, password)
    encoded = auth.get("auth")
    if not isinstance(encoded, str) or not encoded:
        return None
    try:
        username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _invalid_config(f"base64 of <user>:<password> for {host}") from error
    if not colon:
        raise _invalid_config(f"base64 of <user>:<password> for {host}")
    return Credential(username, password.rstrip("\0"))


def _plain(key: str) -> str:
    """A key without its scheme and path, as Docker compares them."""
    return key.partition("://")[2].partition("/")[0] if "://" in key else key.partition("/")[0]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _invalid_config(expected: str) -> Invalid:
    return Invalid(f"config.json of Docker: expected {expected}", code="credentials_invalid")
