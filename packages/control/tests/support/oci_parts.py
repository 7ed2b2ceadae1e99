"""Small real parts of images: wheels, a base of a few files, a bundle."""

import base64
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from modelyard.oci.base.bases import Base, open_base
from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.bundle_layers import BundleContent, Sink, read_bundle
from modelyard.oci.composition import BuiltImage
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.environment import LockedWheel

CREATED = "2026-11-21T10:00:00+00:00"


def plenty(needed: int) -> None:
    """A disk with space for everything."""


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, bytes] | None = None,
    scripts: Mapping[str, str] | None = None,
    executables: tuple[str, ...] = (),
    metadata: str = "License-Expression: MIT\n",
    stored: tuple[str, ...] = (),
) -> LockedWheel:
    """A wheel as a build backend writes it; `scripts` are its console scripts."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    contents = dict(files or {f"{name.replace('-', '_')}/__init__.py": f"__version__ = {version!r}\n".encode() * 50})
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}".encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if scripts:
        lines = "".join(f"{script} = {call}\n" for script, call in scripts.items())
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}".encode()
    record = "".join(f"{path},sha256={_hash(content)},{len(content)}\n" for path, content in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for file, content in contents.items():
            member = ZipInfo(file, (2020, 1, 1, 0, 0, 0))
            member.external_attr = (0o100755 if file in executables else 0o100644) << 16
            member.compress_type = ZIP_STORED if file in stored else ZIP_DEFLATED
            archive.writestr(member, content)
    return LockedWheel(name, version, hashlib.sha256(path.read_bytes()).hexdigest(), path)


def make_server_wheel(folder: Path) -> LockedWheel:
    """A wheel that has the model server's name and its command."""
    return make_wheel(
        folder,
        "modelyard-serving",
        "0.1.0",
        files={"modelyard_serving/__init__.py": b"", "modelyard_serving/cli.py": b"def main():\n    return 0\n"},
        scripts={"modelyard-serve": "modelyard_serving.cli:main"},
    )


def make_root(folder: Path, *, python: str = "3.11") -> Path:
    """A root file system that looks as if it had a Python and a C library."""
    if folder.exists():
        return folder
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 62) + bytes(44)
    for path, content, mode in (
        (f"usr/bin/python{python}", elf, 0o755),
        (
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            b"..GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n",
            0o755,
        ),
        ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644),
        ("proc/cpuinfo", b"of this machine", 0o644),
    ):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(mode)
    (folder / "usr/bin/python3").symlink_to(f"python{python}")
    (folder / "bin").symlink_to("usr/bin")
    (folder / "usr/bin/twin").hardlink_to(folder / f"usr/bin/python{python}")
    for place in (*folder.rglob("*"), folder):
        if place.is_dir() and not place.is_symlink():
            place.chmod(0o755)  # Whatever the umask is.
        os.utime(place, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    return folder


def make_base(layout: Layout, folder: Path) -> Base:
    """A base of a few files."""
    return open_base(layout, import_root_file_system(make_root(folder), layout, name="base"))


def make_bundle(
    folder: Path, *, version: int = 1, files: Mapping[str, bytes] | None = None, runtime: str = "sklearn"
) -> BundleContent:
    """A bundle as packaging writes it."""
    contents = {
        "model/MLmodel": b"flavors: {}\n",
        "requirements.txt": b"# python: 3.11\n",
        **(files if files is not None else {"model/model.pkl": b"weights %d" % version}),
        "bundle.json": json.dumps(
            {
                "schema": "modelyard.bundle/1",
                "model": {"name": "my_model", "version": str(version), "run_id": "abc", "mlflow_uri": "models:/m-1"},
                "runtime": runtime,
                "source": "model",
                "created_at": CREATED,
            }
        ).encode(),
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    listed = {
        path: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for path, content in sorted(contents.items())
    }
    (folder / "manifest.json").write_text(json.dumps({"algorithm": "sha256", "files": listed}))
    return read_bundle(folder)


def make_image(
    folder: Path,
    layout: Layout,
    *,
    version: int = 1,
    files: Mapping[str, bytes] | None = None,
    sink: Sink = nullcontext,
) -> BuiltImage:
    """An image of a version of `my_model` on a base of a few files with two packages."""
    (folder / "wheels").mkdir(parents=True, exist_ok=True)
    wheels = [make_wheel(folder / "wheels", "apple"), make_server_wheel(folder / "wheels")]
    return ImageBuilder(layout, require_space=plenty).build(
        name=f"my-model-v{version}",
        base=make_base(layout, folder / "root"),
        python="3.11",
        wheels=wheels,
        bundle=make_bundle(folder / f"bundle-{version}", version=version, files=files),
        metadata=ImageMetadata(licenses="Apache-2.0"),
        sink=sink,
    )


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
