"""Wheels as uv finds them: uv resolves where the files of a lock are, on the operator's indexes and in their folders.

The file is chosen here, by the base's C library and Python; each is fetched once and stored by its sha256. What was
chosen for a lock is kept, so that the next image of the same environment needs neither uv nor an index.
"""

import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from packaging.utils import canonicalize_name

from modelyard.adapters.environments.server_distribution import ServerDistribution, editable_source
from modelyard.adapters.environments.uv_command import Uv, UvFailure
from modelyard.adapters.wheels.index_access import index_auth
from modelyard.atomic_file import replace_text
from modelyard.errors import Invalid, Unavailable
from modelyard.home import Home
from modelyard.oci.wheels.environment import LockedWheel
from modelyard.oci.wheels.target import WheelTarget
from modelyard.scratch import Scratch

_CHUNK = 1024 * 1024
_CHOSEN = "chosen"
_WHAT_TO_DO = (
    "build a wheel of it and put it into a folder that UV_FIND_LINKS names, require a version that has one, or take a "
    "base with another Python or a newer C library"
)


@dataclass(frozen=True, slots=True)
class _File:
    """A wheel that an index or a folder has."""

    file_name: str
    address: str
    sha256: str


class UvWheels:
    """Wheels from the operator's package indexes.

    Args:
        home: has the wheels of our own server.
        folder: keeps what was fetched.
        environment: the operator's; what it says of uv, proxies and certificates holds.
    """

    def __init__(self, *, home: Home, folder: Path, environment: Mapping[str, str]) -> None:
        self._home = home
        self._folder = folder
        self._environment = environment
        self._uv = Uv(environment=environment, folder=home.environments)
        self._server = ServerDistribution(
            uv=self._uv, wheels=home.wheels, scratch=home.scratch, source=editable_source()
        )

    def wheels(self, lock_text: str, target: WheelTarget, *, log: Callable[[str], None]) -> Sequence[LockedWheel]:
        """Find all of them, then fetch those that are not here."""
        self._home.make()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = self._folder / _CHOSEN / f"{_key(lock_text, target)}.json"
        known = self._known(record)
        if known is not None:
            return known
        with closing(Scratch(self._home.scratch)) as scratch:
            chosen = self._chosen(self._packages(lock_text, target, scratch, log), lock_text, target)
            wheels = [self._fetched(package, file, scratch, log) for package, file in chosen]
        record.parent.mkdir(mode=0o700, exist_ok=True)
        replace_text(record, json.dumps([[one.name, one.version, one.sha256, one.path.name] for one in wheels]))
        return wheels

    def _known(self, record: Path) -> list[LockedWheel] | None:
        """What was chosen before, if all of it is here. The times of the files say when they were used."""
        try:
            chosen = json.loads(record.read_bytes())
        except FileNotFoundError:
            return None
        wheels = [
            LockedWheel(name, version, sha256, self._place(sha256, file)) for name, version, sha256, file in chosen
        ]
        if not all(wheel.path.exists() for wheel in wheels):
            return None
        for used in (record, *(wheel.path for wheel in wheels)):
            os.utime(used)
        return wheels

    def _place(self, sha256: str, file_name: str) -> Path:
        return self._folder / sha256 / file_name

    def _packages(
        self, lock_text: str, target: WheelTarget, scratch: Scratch, log: Callable[[str], None]
    ) -> Sequence[Mapping[str, Any]]:
        """The packages of a lock as uv resolves them: each with the URLs and hashes of its files."""
        lock, found = scratch.folder / "lock.txt", scratch.folder / "pylock.toml"
        lock.write_text(lock_text)
        options = ["--quiet", "--no-deps", "--no-build", "--universal", "--no-header", "--format", "pylock.toml"]
        options += ["--python", sys.executable, "--python-version", target.python, "--output-file", str(found)]
        links = self._server.wheel_folders(lock_text)
        try:
            self._uv.run("pip", "compile", *options, str(lock), log=log, find_links=links, inherited=[scratch.held])
        except UvFailure as failure:
            if failure.is_unreachable:
                raise Unavailable(
                    f"The package index does not answer: {failure.reason}.", code="package_index_unavailable"
                ) from failure
            raise _missing(failure.reason) from failure
        packages: Sequence[Mapping[str, Any]] = tomllib.loads(found.read_text()).get("packages", [])
        return packages

    def _chosen(
        self, packages: Sequence[Mapping[str, Any]], lock_text: str, target: WheelTarget
    ) -> list[tuple[Mapping[str, Any], _File]]:
        """The best file for each package.

        Raises:
            Invalid: code `wheel_missing`, which names all that have none.
        """
        chosen, missing = [], []
        for package in packages:
            allowed = [file for file in _files(package) if f"sha256:{file.sha256}" in lock_text]
            best = target.best(allowed)
            if best is None:
                missing.append(f"{package['name']}=={package['version']}")
            else:
                chosen.append((package, best))
        if missing:
            raise _missing(
                f"{', '.join(missing)}: no wheel that the lock allows runs on {target.platform} with the C library "
                f"{target.glibc} and Python {target.python}"
            )
        return chosen

    def _fetched(
        self, package: Mapping[str, Any], file: _File, scratch: Scratch, log: Callable[[str], None]
    ) -> LockedWheel:
        name = canonicalize_name(str(package["name"]))
        place = self._place(file.sha256, file.file_name)
        if not place.exists():
            log(f"fetching {file.file_name}")
            part = scratch.folder / file.sha256
            found = _copy(file.address, part, auth=index_auth(file.address, self._environment))
            if found != file.sha256:
                raise Invalid(
                    f"{file.file_name}: expected the sha256 {file.sha256} of the lock, got {found}",
                    code="wheel_changed",
                )
            place.parent.mkdir(mode=0o700, exist_ok=True)
            part.rename(place)
        os.utime(place)
        return LockedWheel(name, str(package["version"]), file.sha256, place)


def _key(lock_text: str, target: WheelTarget) -> str:
    """Of a choice: what is chosen depends on nothing else but on what there is to choose from."""
    text = json.dumps([lock_text, str(target.platform), target.glibc, target.python])
    return hashlib.sha256(text.encode()).hexdigest()


def _files(package: Mapping[str, Any]) -> list[_File]:
    files = []
    for wheel in package.get("wheels", []):
        address = str(wheel.get("url") or Path(str(wheel["path"])).absolute().as_uri())
        file_name = str(wheel.get("name") or unquote(urlsplit(address).path).rpartition("/")[2])
        if "/" not in file_name and "\0" not in file_name and (sha256 := wheel.get("hashes", {}).get("sha256")):
            files.append(_File(file_name, address, str(sha256)))
    return files


def _copy(address: str, place: Path, *, auth: httpx.Auth | None) -> str:
    """Copy what is at an address; its sha256."""
    found = hashlib.sha256()
    parts = urlsplit(address)
    try:
        with place.open("wb") as copy:
            if parts.scheme == "file":
                with Path(unquote(parts.path)).open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        found.update(chunk)
                        copy.write(chunk)
            else:
                with httpx.stream("GET", address, auth=auth, follow_redirects=True, timeout=60) as response:
                    response.raise_for_status()
                    for chunk in response.iter_bytes(_CHUNK):
                        found.update(chunk)
                        copy.write(chunk)
    except (httpx.HTTPError, OSError) as error:
        name = unquote(parts.path).rpartition("/")[2]
        raise Unavailable(
            f"The package index does not provide {name}: {type(error).__name__}.", code="package_index_unavailable"
        ) from error
    return found.hexdigest()


def _missing(what: str) -> Invalid:
    return Invalid(
        f"an image holds wheels only, and nothing is built from source for it: {what}; {_WHAT_TO_DO}",
        code="wheel_missing",
        field="requirements",
    )
