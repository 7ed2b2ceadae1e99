"""Environments that install nothing: they resolve against an index in memory and answer with the running Python."""

import hashlib
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from modelyard.adapters.environments import lock_text
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.environments import Environment, Lock, LogLine, pinned

_ANY_VERSION = "1.0"
_PYTHON = ".".join(map(str, sys.version_info[:2]))


class FakeEnvironments:
    """Keeps the contract of `Environments` without a package index.

    Args:
        folder: where the empty environments stand.
        index: versions by package name; without it every package exists, in the version that is asked for with `==`.
        unbuildable: packages that resolve and do not install.
    """

    def __init__(
        self,
        folder: Path,
        *,
        index: Mapping[str, Sequence[str]] | None = None,
        unbuildable: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._index = index
        self._unbuildable = frozenset(unbuildable)
        self._building = threading.Lock()
        self.is_index_reachable = True
        self.builds: list[str] = []
        """Digests of the environments that were built, in order."""

    def lock(
        self,
        requirements: Sequence[str],
        *,
        constraints: str = "",
        requires_python: str = "",
        server_extras: Sequence[str] | None = None,
        log: LogLine,
    ) -> Lock:
        """Pin each requirement to the newest version that it and the constraints allow."""
        if not self.is_index_reachable:
            raise Unavailable("The package index does not answer.", code="package_index_unavailable")
        if not SpecifierSet(requires_python).contains(_PYTHON, prereleases=True):
            raise Invalid(
                f"There is no Python {requires_python} here.", code="python_unavailable", field="requires_python"
            )
        held, asked = _by_name(pinned(constraints)), [lock_text.without_hashes(each) for each in requirements]
        pins = {name: self._newest(wanted, held.get(name)) for name, wanted in _by_name(asked).items()}
        if server_extras is not None:
            pins[canonicalize_name("modelyard-serving")] = _ANY_VERSION
        log(f"Resolved {len(pins)} packages")
        text = "".join(_pin(name, version) for name, version in sorted(pins.items()))
        text = lock_text.narrowed(text, lock_text.hashes_in(*requirements, constraints))
        text = lock_text.headed(text, python=_PYTHON)
        return Lock(text=text, digest=hashlib.sha256(text.encode()).hexdigest())

    def ensure(self, lock: Lock, *, log: LogLine) -> Environment:
        """Make the environment's folder."""
        path = self._folder / lock.digest[:16]
        with self._building:
            if not path.exists():
                self._build(lock, path)
                log("Installed the environment")
        return Environment(digest=lock.digest, path=path, python=Path(sys.executable))

    def _newest(self, requirement: Requirement, constraint: Requirement | None) -> str:
        specifier = requirement.specifier if constraint is None else requirement.specifier & constraint.specifier
        named = [each.version for each in specifier if each.operator == "=="] or [_ANY_VERSION]
        versions = named if self._index is None else self._index.get(requirement.name, ())
        allowed = sorted(specifier.filter(versions), key=Version)
        if not allowed:
            raise Invalid(
                f"The requirements cannot be met: there is no version of {requirement.name}{specifier}.",
                code="requirements_unresolvable",
                field="requirements",
            )
        return allowed[-1]

    def _build(self, lock: Lock, path: Path) -> None:
        if not self.is_index_reachable:
            raise Unavailable("The package index does not answer.", code="package_index_unavailable")
        for requirement in map(Requirement, pinned(lock.text)):
            if requirement.name in self._unbuildable:
                raise Invalid(f"{requirement} does not install.", code="environment_build_failed", field="requirements")
        path.mkdir(parents=True)
        self.builds.append(lock.digest)


def _by_name(requirements: Sequence[str]) -> dict[NormalizedName, Requirement]:
    return {canonicalize_name(each.name): each for each in map(Requirement, requirements)}


def _pin(name: str, version: str) -> str:
    digest = hashlib.sha256(f"{name}=={version}".encode()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"
