"""The layers of a Python environment: the folder that makes it one, large wheels each in a layer of their own, the
others together, and our own last.

A layer is a function of its wheels and the minor version of Python: two models that need the same NumPy share its
layer, at the registry and on every node.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from modelyard.errors import Invalid
from modelyard.oci.blobs import BlobWriter
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import Layer, PrecompressedGzipLayer, TarLayer
from modelyard.oci.tar_format import Entry, link
from modelyard.oci.wheels.installation import ROOT, InstalledFile, Prefix, Wheel

SERVER = "modelyard-serving"
OURS = frozenset({"modelyard", "modelyard-client", SERVER})
_LARGE = 4 * 1024 * 1024
_MOST_ALONE = 40
"""Layers of one wheel each; an image may have 127 layers in all."""


@dataclass(frozen=True, slots=True)
class LockedWheel:
    """A wheel of a lock, on this machine."""

    name: str
    version: str
    sha256: str
    path: Path

    @property
    def order(self) -> tuple[str, str]:
        """Wheels are installed in this order."""
        return canonicalize_name(self.name), self.version


def environment_layers(
    cache: LayerCache, wheels: Sequence[LockedWheel], *, python: str, interpreter: str, root: str = ROOT
) -> list[Layer]:
    """The layers of an environment below its root, from what changes least to what changes most.

    Args:
        cache: keeps them.
        wheels: all of its lock.
        python: the minor version, `3.11`.
        interpreter: its path in the base, `/usr/bin/python3.11`.
        root: the folder of the environment, from the root of the image.

    Raises:
        Invalid: code `wheel_changed` or `wheel_invalid`.
    """
    prefix = Prefix(python, root)
    ordered = sorted(wheels, key=lambda wheel: wheel.order)
    ours = [wheel for wheel in ordered if canonicalize_name(wheel.name) in OURS]
    others = [wheel for wheel in ordered if wheel not in ours]
    by_size = sorted(others, key=lambda wheel: (-wheel.path.stat().st_size, wheel.order))
    alone = [wheel for wheel in by_size[:_MOST_ALONE] if wheel.path.stat().st_size >= _LARGE]
    groups = [
        *([wheel] for wheel in others if wheel in alone),
        [wheel for wheel in others if wheel not in alone],
        ours,
    ]
    layers = [_skeleton(cache, prefix, interpreter)]
    return layers + [_wheels(cache, group, prefix) for group in groups if group]


def _skeleton(cache: LayerCache, prefix: Prefix, interpreter: str) -> Layer:
    """What makes a folder an environment of the base's Python."""
    home = interpreter.rpartition("/")[0] or "/"
    config = f"home = {home}\ninclude-system-site-packages = false\nversion = {prefix.python}\n".encode()

    def write(writer: BlobWriter) -> Layer:
        layer = TarLayer(writer)
        layer.add(link(f"{prefix.root}/bin/python", interpreter))
        layer.add(link(f"{prefix.root}/bin/python3", "python"))
        layer.add(link(f"{prefix.root}/bin/python{prefix.python}", "python"))
        layer.add(Entry(f"{prefix.root}/pyvenv.cfg", size=len(config)), [config])
        return layer.commit(f"environment of {interpreter}")

    inputs = ["environment", *([] if prefix.root == ROOT else [prefix.root]), prefix.python, interpreter]
    return cache.layer(inputs, write, size=len(config))


def _wheels(cache: LayerCache, wheels: Sequence[LockedWheel], prefix: Prefix) -> Layer:
    comment = ", ".join(f"{wheel.name} {wheel.version}" for wheel in wheels[:3])
    comment += f" and {len(wheels) - 3} more" if len(wheels) > 3 else ""

    def write(writer: BlobWriter) -> Layer:
        layer = PrecompressedGzipLayer(writer)
        with ExitStack() as opened:
            for wheel, file in _merged(wheels, prefix, opened):
                wheel.write(file, layer)
        return layer.commit(comment)

    inputs = ["wheels", prefix.root, prefix.python, [[wheel.path.name, wheel.sha256] for wheel in wheels], comment]
    return cache.layer(inputs, write, size=sum(wheel.path.stat().st_size for wheel in wheels))


def _merged(wheels: Sequence[LockedWheel], prefix: Prefix, opened: ExitStack) -> Iterator[tuple[Wheel, InstalledFile]]:
    """The files of all wheels by path. Of a path that several have, the last one's counts, as if installed in order."""
    files: dict[str, tuple[Wheel, InstalledFile]] = {}
    for locked in wheels:
        _check(locked)
        wheel = Wheel(locked.path, prefix)
        opened.callback(wheel.close)
        files.update({file.path: (wheel, file) for file in wheel.files})
    yield from (files[path] for path in sorted(files, key=lambda path: path.split("/")))


def _check(wheel: LockedWheel) -> None:
    with wheel.path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wheel.sha256:
        raise Invalid(
            f"{wheel.path.name}: expected the sha256 {wheel.sha256} of the lock, got {found}", code="wheel_changed"
        )
