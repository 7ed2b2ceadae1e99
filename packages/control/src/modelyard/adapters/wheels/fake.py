"""Wheels that hold next to nothing, made on the spot for whatever a lock names."""

import base64
import hashlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelyard.errors import Invalid
from modelyard.oci.wheels.environment import SERVER, LockedWheel
from modelyard.oci.wheels.target import WheelTarget
from modelyard.ports.environments import pinned

_TIME = (2020, 1, 1, 0, 0, 0)


class FakeWheels:
    """Keeps the contract of `WheelSource` without a package index.

    Args:
        folder: where the wheels are made.
        source_only: packages that have no wheel.
    """

    def __init__(self, folder: Path, *, source_only: Collection[str] = ()) -> None:
        self._folder = folder
        self._source_only = frozenset(source_only)

    def wheels(self, lock_text: str, target: WheelTarget, *, log: Callable[[str], None]) -> Sequence[LockedWheel]:
        """One for each pin; the same pin is the same bytes."""
        next(iter(target.tags()))
        pins = [(canonicalize_name(one.name), _version(one)) for one in map(Requirement, pinned(lock_text))]
        missing = [f"{name}=={version}" for name, version in pins if name in self._source_only]
        if missing:
            raise Invalid(
                f"an image holds wheels only: {', '.join(missing)}", code="wheel_missing", field="requirements"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        return [self._wheel(name, version, log) for name, version in pins]

    def _wheel(self, name: str, version: str, log: Callable[[str], None]) -> LockedWheel:
        module = name.replace("-", "_")
        path = self._folder / f"{module}-{version}-py3-none-any.whl"
        info = f"{module}-{version}.dist-info"
        contents = {
            f"{module}/__init__.py": b"def main():\n    return 0\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        if name == SERVER:
            contents[f"{info}/entry_points.txt"] = f"[console_scripts]\nmodelyard-serve = {module}:main\n".encode()
        record = "".join(f"{place},{_hash(content)},{len(content)}\n" for place, content in contents.items())
        contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
        if not path.exists():
            log(f"fetching {path.name}")
            part = path.with_name(f".{uuid4().hex}")
            with ZipFile(part, "w") as archive:
                for place, content in contents.items():
                    member = ZipInfo(place, _TIME)
                    member.compress_type = ZIP_DEFLATED
                    archive.writestr(member, content)
            part.replace(path)
        return LockedWheel(name, version, hashlib.sha256(path.read_bytes()).hexdigest(), path)


def _version(requirement: Requirement) -> str:
    return next(one.version for one in requirement.specifier)


def _hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
