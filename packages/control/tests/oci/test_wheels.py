"""What a wheel becomes in an image, and which wheel a base can run."""

import base64
import csv
import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import pytest
from oci_parts import make_server_wheel, make_wheel, plenty

from modelyard.errors import Invalid
from modelyard.oci.content import Platform
from modelyard.oci.layer_cache import LayerCache
from modelyard.oci.layers import PrecompressedGzipLayer
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.environment import LockedWheel, environment_layers
from modelyard.oci.wheels.installation import Prefix, Wheel
from modelyard.oci.wheels.target import WheelTarget

PACKAGES = "opt/modelyard/lib/python3.11/site-packages"


def installed(layout: Layout, *wheels: LockedWheel) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """The files of an environment, as a runtime that stacks its layers would see them."""
    cache = LayerCache(layout.root / ".layers", layout.blobs, require_space=plenty)
    files = {}
    for layer in environment_layers(cache, wheels, python="3.11", interpreter="/usr/bin/python3.11"):
        packed = layout.blobs.path(layer.descriptor.digest).read_bytes()
        plain = gzip.decompress(packed) if layer.descriptor.media_type.endswith("gzip") else packed
        assert hashlib.sha256(plain).hexdigest() == layer.diff_id.hex
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                files[member.name] = (member, content.read() if content else b"")
    return files


@dataclass(frozen=True)
class Named:
    file_name: str


class TestInstalling:
    def test_a_wheel_is_installed_as_the_specification_says(self, layout: Layout, tmp_path: Path) -> None:
        wheel = make_wheel(
            tmp_path,
            "sample-pkg",
            "2.0",
            files={
                "sample_pkg/__init__.py": b"x = 1\n" * 400,
                "sample_pkg/data.bin": b"stored",
                "sample_pkg/__pycache__/evil.pyc": b"no",
                "sample.pth": b"import sample_pkg\n",
                "sample_pkg-2.0.data/scripts/run": b"#!python -u\nprint(1)\n",
                "sample_pkg-2.0.data/scripts/shell": b"#!/bin/sh\ntrue\n",
                "sample_pkg-2.0.data/data/share/sample.txt": b"shared",
                "sample_pkg-2.0.data/headers/sample.h": b"int x;",
                "sample_pkg-2.0.data/purelib/extra.py": b"y = 2\n",
            },
            scripts={"sample": "sample_pkg.cli:main", "nested": "sample_pkg:App.run"},
            executables=("sample_pkg/data.bin",),
            stored=("sample_pkg/data.bin",),
        )
        files = installed(layout, wheel)
        assert files[f"{PACKAGES}/sample_pkg/__init__.py"][1] == b"x = 1\n" * 400
        assert files[f"{PACKAGES}/sample_pkg/data.bin"][0].mode == 0o755
        assert files[f"{PACKAGES}/sample_pkg/__init__.py"][0].mode == 0o644
        assert files[f"{PACKAGES}/sample.pth"][1] == b"import sample_pkg\n"
        assert files[f"{PACKAGES}/extra.py"][1] == b"y = 2\n"
        assert files["opt/modelyard/share/sample.txt"][1] == b"shared"
        assert files["opt/modelyard/include/site/python3.11/sample_pkg/sample.h"][1] == b"int x;"
        assert files["opt/modelyard/bin/run"][1] == b"#!/opt/modelyard/bin/python\nprint(1)\n"
        assert files["opt/modelyard/bin/shell"][1] == b"#!/bin/sh\ntrue\n"
        assert files["opt/modelyard/bin/sample"][1].startswith(b"#!/opt/modelyard/bin/python\n")
        assert b"from sample_pkg import App\n" in files["opt/modelyard/bin/nested"][1]
        assert b"sys.exit(App.run())" in files["opt/modelyard/bin/nested"][1]
        assert {files[f"opt/modelyard/bin/{name}"][0].mode for name in ("run", "shell", "sample")} == {0o755}
        assert files[f"{PACKAGES}/sample_pkg-2.0.dist-info/INSTALLER"][1] == b"modelyard\n"
        assert not [path for path in files if "__pycache__" in path]

    def test_record_names_every_file_with_its_hash(self, layout: Layout, tmp_path: Path) -> None:
        wheel = make_wheel(tmp_path, "apple", scripts={"apple": "apple:main"})
        files = installed(layout, wheel)
        rows = list(csv.reader(io.StringIO(files[f"{PACKAGES}/apple-1.0.dist-info/RECORD"][1].decode())))
        named = {row[0]: row[1:] for row in rows}
        assert named.pop("apple-1.0.dist-info/RECORD") == ["", ""]
        for path, (digest, size) in named.items():
            content = files[path.strip("/") if path.startswith("/") else f"{PACKAGES}/{path}"][1]
            hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={hashed}", str(len(content)))
        assert "/opt/modelyard/bin/apple" in named

    def test_the_environment_is_one_of_the_bases_python(self, layout: Layout, tmp_path: Path) -> None:
        files = installed(layout, make_wheel(tmp_path, "apple"))
        assert files["opt/modelyard/bin/python"][0].linkname == "/usr/bin/python3.11"
        assert files["opt/modelyard/pyvenv.cfg"][1].startswith(b"home = /usr/bin\n")

    def test_the_server_has_a_layer_of_its_own_behind_the_others(self, layout: Layout, tmp_path: Path) -> None:
        cache = LayerCache(layout.root / ".layers", layout.blobs, require_space=plenty)
        wheels = [make_server_wheel(tmp_path), make_wheel(tmp_path, "zebra"), make_wheel(tmp_path, "apple")]
        layers = environment_layers(cache, wheels, python="3.11", interpreter="/usr/bin/python3.11")
        assert [layer.comment for layer in layers] == [
            "environment of /usr/bin/python3.11",
            "apple 1.0, zebra 1.0",
            "modelyard-serving 0.1.0",
        ]
        again = environment_layers(cache, wheels[::-1], python="3.11", interpreter="/usr/bin/python3.11")
        assert again == layers

    def test_of_a_path_that_two_wheels_have_the_later_ones_counts(self, layout: Layout, tmp_path: Path) -> None:
        one = make_wheel(tmp_path, "aaa", files={"shared.py": b"one"})
        two = make_wheel(tmp_path, "bbb", files={"shared.py": b"two"})
        assert installed(layout, two, one)[f"{PACKAGES}/shared.py"][1] == b"two"

    @pytest.mark.parametrize(
        "path",
        ["../../etc/cron.d/x", "/etc/passwd", "apple-1.0.data/data/../../../etc/x", ".wh.apple", "a/./b", "a//b"],
    )
    def test_a_path_outside_of_the_prefix_is_refused(self, tmp_path: Path, path: str) -> None:
        wheel = make_wheel(tmp_path, "apple", files={path: b"bad"})
        with pytest.raises(
            Invalid, match=r"expected (paths below its own folder|a wheel that can be installed)"
        ) as refused:
            Wheel(wheel.path, Prefix("3.11"))
        assert refused.value.code == "wheel_invalid"

    def test_a_script_cannot_lead_out_of_its_folder(self, tmp_path: Path) -> None:
        wheel = make_wheel(tmp_path, "apple", scripts={"../../../usr/bin/env": "apple:main"})
        with pytest.raises(Invalid, match="paths below its own folder"):
            Wheel(wheel.path, Prefix("3.11"))

    def test_a_file_where_another_needs_a_folder_is_refused(self, tmp_path: Path) -> None:
        wheel = make_wheel(tmp_path, "apple", files={"a": b"", "a/b": b""})
        with pytest.raises(Invalid, match="needs a folder"):
            Wheel(wheel.path, Prefix("3.11"))

    def test_what_is_no_wheel_is_refused(self, tmp_path: Path) -> None:
        broken = tmp_path / "apple-1.0-py3-none-any.whl"
        broken.write_bytes(b"PK nothing")
        with pytest.raises(Invalid, match="a wheel that can be installed"):
            Wheel(broken, Prefix("3.11"))
        with ZipFile(broken, "w", compression=ZIP_DEFLATED) as archive:
            archive.writestr("apple.py", b"")
        with pytest.raises(Invalid, match="a wheel that can be installed"):
            Wheel(broken, Prefix("3.11"))
        with ZipFile(broken, "w", compression=ZIP_BZIP2) as archive:
            archive.writestr("apple.py", b"x" * 100)
        with pytest.raises(Invalid, match="deflated or stored"):
            Wheel(broken, Prefix("3.11"))

    @pytest.mark.parametrize("path", ["apple-1.0.dist-info/LICENSE", "apple-1.0.data/scripts/run"])
    def test_metadata_and_scripts_that_would_fill_the_memory_are_refused(self, tmp_path: Path, path: str) -> None:
        wheel = make_wheel(tmp_path, "apple", files={path: b"#!python\n" + bytes(33 * 1024 * 1024)})
        with pytest.raises(Invalid, match="at most 33554432 bytes"):
            Wheel(wheel.path, Prefix("3.11"))

    @pytest.mark.parametrize(
        ("damage", "problem"),
        [
            (lambda content: b"no" + content[2:], "no local file header for apple/data.bin"),
            (lambda content: content.replace(b"x", b"y", 1), "CRC of apple/data.bin does not match"),
            (lambda content: content[:1000], "apple/data.bin is truncated"),
        ],
    )
    def test_a_member_that_is_damaged_is_refused(
        self, layout: Layout, tmp_path: Path, damage: Callable[[bytes], bytes], problem: str
    ) -> None:
        name = "apple/data.bin"
        path = make_wheel(tmp_path, "apple", files={name: b"x" * 100_000}, stored=(name,)).path
        wheel = Wheel(path, Prefix("3.11"))
        path.write_bytes(damage(path.read_bytes()))
        (damaged,) = (file for file in wheel.files if file.path.endswith(name))
        with layout.blobs.writer() as writer, pytest.raises(Invalid, match=problem) as refused:
            wheel.write(damaged, PrecompressedGzipLayer(writer))
        wheel.close()
        assert refused.value.code == "wheel_invalid"

    def test_a_wheel_that_is_not_the_locked_one_is_refused(self, layout: Layout, tmp_path: Path) -> None:
        wheel = make_wheel(tmp_path, "apple")
        wheel.path.write_bytes(wheel.path.read_bytes() + b"x")
        with pytest.raises(Invalid, match="expected the sha256") as refused:
            installed(layout, wheel)
        assert refused.value.code == "wheel_changed"


class TestTargets:
    TARGET = WheelTarget(Platform("amd64"), glibc="2.31", python="3.11")

    def best(self, *names: str, target: WheelTarget = TARGET) -> str | None:
        found = target.best([Named(name) for name in names])
        return None if found is None else found.file_name

    def test_the_newest_library_that_the_base_has_is_preferred(self) -> None:
        newer, fitting, older = (f"a-1-cp311-cp311-manylinux_2_{n}_x86_64.whl" for n in (34, 28, 17))
        assert self.best(newer, older, fitting) == fitting
        assert self.best(newer) is None

    def test_old_names_abi3_and_pure_wheels_will_do(self) -> None:
        assert self.best("a-1-cp311-cp311-manylinux2014_x86_64.whl")
        assert self.best("a-1-cp38-abi3-manylinux1_x86_64.whl")
        assert self.best("a-1-py2.py3-none-any.whl")
        assert self.best("a-1-py3-none-manylinux_2_5_x86_64.manylinux1_x86_64.whl")

    def test_other_pythons_machines_and_libraries_will_not(self) -> None:
        for name in (
            "a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
            "a-1-cp311-cp311-manylinux_2_17_aarch64.whl",
            "a-1-cp311-cp311-musllinux_1_2_x86_64.whl",
            "a-1-cp311-cp311-win_amd64.whl",
            "not-a-wheel.whl",
        ):
            assert self.best(name) is None
        arm = WheelTarget(Platform("arm64"), glibc="2.36", python="3.12")
        assert self.best("a-1-cp312-cp312-manylinux_2_17_aarch64.whl", target=arm)

    def test_a_machine_that_has_no_wheels_is_named(self) -> None:
        with pytest.raises(Invalid, match="windows/amd64"):
            list(WheelTarget(Platform("amd64", os="windows"), glibc="2.36", python="3.11").tags())
