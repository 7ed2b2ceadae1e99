"""Gives out the files of versions. What is given out was compared with the manifest before; nothing else leaves.

A path that a caller names is looked up in the manifest and is never one of the disk's or of the store's.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modelyard.errors import Conflict, ModelyardError, NotFound
from modelyard.ports.tracking import Tracking
from modelyard.principals import Principal
from modelyard.registry.domain import FileEntry, Manifest, Version, manifest_difference
from modelyard.registry.files import manifest_of, sha256_of
from modelyard.registry.service import RegistryService


@dataclass(frozen=True, slots=True)
class Fetched:
    """Files of a version on this machine. Who got it calls `discard` when they are sent."""

    folder: Path
    path: Path
    """The file, or the folder of all files."""

    def discard(self) -> None:
        """Remove them. Safe to repeat."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Artifacts:
    """The files of all versions. They are fetched through a folder of `scratch`, whole, so that memory stays small."""

    def __init__(self, *, registry: RegistryService, tracking: Tracking, scratch: Path) -> None:
        self._registry = registry
        self._tracking = tracking
        self._scratch = scratch

    def of(self, principal: Principal, name: str, number: int) -> tuple[Version, Manifest]:
        """A version and its files.

        Raises:
            NotFound: code `version_not_found`.
        """
        version = self._registry.version(principal, name, number)
        return version, self._registry.manifest(version)

    def entry(self, principal: Principal, name: str, number: int, path: str) -> tuple[Version, FileEntry]:
        """A version and one of its files.

        Raises:
            NotFound: code `version_not_found` or `artifact_not_found`.
        """
        version, manifest = self.of(principal, name, number)
        for file in manifest.files:
            if file.path == path:
                return version, file
        raise NotFound(
            f"version {number} of '{name}' has no file {path[:80]!r}", code="artifact_not_found", field="path"
        )

    def fetch(self, version: Version, file: FileEntry) -> Fetched:
        """One file, as it was registered.

        Raises:
            Conflict: code `artifact_changed`, when the store gives other bytes, or none.
            Unavailable: the store does not answer.
        """
        folder = self._new_folder()
        try:
            path = self._tracking.download_file(version.model_uri, file.path, folder)
            if not path.is_file() or (path.stat().st_size, sha256_of(path)) != (file.size, file.sha256):
                raise _changed(version, file.path)
        except NotFound as exc:
            shutil.rmtree(folder)
            raise _changed(version, file.path) from exc
        except (ModelyardError, OSError):
            shutil.rmtree(folder)
            raise
        return Fetched(folder, path)

    def fetch_all(self, version: Version, manifest: Manifest) -> Fetched:
        """All files, as they were registered.

        Raises:
            Conflict: code `artifact_changed`, when the store gives other bytes, or none.
            Unavailable: the store does not answer.
        """
        folder = self._new_folder()
        model = folder / "model"
        model.mkdir()
        try:
            self._tracking.download(version.model_uri, model)
            if different := manifest_difference(manifest, manifest_of(model)):
                raise _changed(version, *different)
        except NotFound as exc:
            shutil.rmtree(folder)
            raise _changed(version, "all of them") from exc
        except (ModelyardError, OSError):
            shutil.rmtree(folder)
            raise
        return Fetched(folder, model)

    def _new_folder(self) -> Path:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._scratch, prefix="artifacts-"))


def _changed(version: Version, *paths: str) -> Conflict:
    return Conflict(
        f"the files of version {version.version} of '{version.model_name}' in the store are not those that were "
        f"registered: {', '.join(paths[:5])}",
        code="artifact_changed",
    )
