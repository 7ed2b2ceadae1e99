"""Where a bundle and its environment lie in the home of this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelyard.bundle_digest import bundle_digest
from modelyard.home import Home
from modelyard.ports.target import ArtifactAbsent, BundleArtifact

_PARTS = 3


@dataclass(frozen=True, slots=True)
class PlacedBundle:
    """A bundle on this machine, and the interpreter that serves it; `modelyard-serve` stands beside that."""

    path: Path
    python: Path


FindBundle = Callable[[BundleArtifact], PlacedBundle]
"""Raises ArtifactAbsent."""


class HomeBundles:
    """Finds the bundles and environments that packaging put into a home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def find(self, artifact: BundleArtifact) -> PlacedBundle:
        """The bundle with exactly this content.

        Raises:
            ArtifactAbsent: it is not here, or something else is in its place, or its environment is not here.
        """
        name = PurePosixPath(artifact.name)
        if name.is_absolute() or len(name.parts) != _PARTS or ".." in name.parts:
            raise ValueError(f"A bundle's name is `<tenant>/<model>/<version>`; {artifact.name!r} came.")
        path = self._home.bundles / name
        python = self._home.environment(artifact.environment) / "bin" / "python"
        if bundle_digest(path) != artifact.digest:
            raise ArtifactAbsent("its bundle is not on this machine any more")
        if not python.exists():
            raise ArtifactAbsent("the Python environment of its bundle is not on this machine any more")
        return PlacedBundle(path, python)
