"""Root file systems as bases, and what a base offers."""

import errno
import gzip
import io
import lzma
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oci_parts import make_base, make_root

from modelyard.errors import Invalid
from modelyard.oci.base.bases import copy_image, for_platform, open_base
from modelyard.oci.base.inspection import inspect_base
from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.content import CONFIG, LAYER, MANIFEST, Descriptor, Digest, ImageIndex, ImageManifest, Platform
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.layout import Layout


def tar_of(root: Path, *, transform: Callable[[tarfile.TarInfo], tarfile.TarInfo] = lambda member: member) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(root, arcname=".", filter=transform)
    return buffer.getvalue()


def members(layout: Layout, descriptor: Descriptor) -> dict[str, tarfile.TarInfo]:
    layer = layout.manifest(descriptor).layers[0]
    with tarfile.open(layout.blobs.path(layer.digest)) as archive:
        return {member.name: member for member in archive}


class TestImporting:
    def test_a_folder_keeps_modes_times_and_links_and_loses_what_runs(self, layout: Layout, tmp_path: Path) -> None:
        root = make_root(tmp_path / "root")
        os.mkfifo(root / "pipe")
        found = members(layout, import_root_file_system(root, layout, name="base"))
        assert found["usr/bin/python3.11"].mode == 0o755
        assert found["usr/bin/python3.11"].mtime == 1_700_000_000
        assert found["usr/bin/twin"].islnk()
        assert found["usr/bin/twin"].linkname == "usr/bin/python3.11"
        assert found["bin"].linkname == "usr/bin"
        assert "proc" in found
        assert {"proc/cpuinfo", "pipe"}.isdisjoint(found)

    @pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
    def test_an_archive_of_it_gives_the_same_image(
        self, layout: Layout, tmp_path: Path, pack: Callable[[bytes], bytes]
    ) -> None:
        root = make_root(tmp_path / "root")
        archive = tmp_path / "root.tar"
        archive.write_bytes(pack(tar_of(root)))
        from_folder = import_root_file_system(root, layout, name="folder")
        from_archive = import_root_file_system(archive, layout, name="archive")
        assert from_archive.digest == from_folder.digest
        assert list(layout.scratch.iterdir()) == []

    def test_the_order_of_an_archive_does_not_matter(self, layout: Layout, tmp_path: Path) -> None:
        root = make_root(tmp_path / "root")
        one, other = tmp_path / "one.tar", tmp_path / "other.tar"
        one.write_bytes(tar_of(root))
        with tarfile.open(other, "w") as archive:
            for path in sorted(root.rglob("*"), reverse=True):
                archive.add(path, arcname=f"./{path.relative_to(root)}", recursive=False)
        digests = {import_root_file_system(path, layout, name="x").digest for path in (one, other)}
        assert len(digests) == 1

    def test_the_architecture_is_that_of_its_programs(self, layout: Layout, tmp_path: Path) -> None:
        root = make_root(tmp_path / "root")
        assert import_root_file_system(root, layout, name="x").platform == Platform("amd64")
        (root / "usr/bin/python3.11").write_bytes(b"#!/bin/sh\n")
        with pytest.raises(Invalid, match="architecture"):
            import_root_file_system(root, layout, name="x")
        assert import_root_file_system(root, layout, name="x", architecture="arm64").platform == Platform("arm64")

    @pytest.mark.parametrize("name", ["../outside", "a/../../b", "usr/.wh.bin"])
    def test_paths_that_lead_out_are_refused(self, layout: Layout, tmp_path: Path, name: str) -> None:
        archive = tmp_path / "root.tar"
        with tarfile.open(archive, "w") as written:
            written.addfile(tarfile.TarInfo(name))
        with pytest.raises(Invalid, match="paths below the root"):
            import_root_file_system(archive, layout, name="x")

    @pytest.mark.parametrize(
        "content",
        [b"", b"text", gzip.compress(b"text", mtime=0), b"\x1f\x8bbroken", b"\xfd7zXZ\x00broken"],
        ids=["empty", "text", "compressed text", "broken gzip", "broken xz"],
    )
    def test_what_is_no_archive_is_refused(self, layout: Layout, tmp_path: Path, content: bytes) -> None:
        archive = tmp_path / "root.tar"
        archive.write_bytes(content)
        with pytest.raises(Invalid, match="root file system") as refused:
            import_root_file_system(archive, layout, name="x")
        assert refused.value.code == "root_file_system_invalid"
        assert list(layout.scratch.iterdir()) == []

    def test_a_hard_link_to_nothing_is_refused(self, layout: Layout, tmp_path: Path) -> None:
        archive = tmp_path / "root.tar"
        with tarfile.open(archive, "w") as written:
            member = tarfile.TarInfo("a")
            member.type, member.linkname = tarfile.LNKTYPE, "a"
            written.addfile(member)
        with pytest.raises(Invalid, match="hard links"):
            import_root_file_system(archive, layout, name="x")

    @pytest.mark.parametrize("unreadable", ["etc/shadow", "root"])
    def test_what_this_account_may_not_read_is_named_with_what_to_do(
        self, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: str
    ) -> None:
        root = make_root(tmp_path / "root")
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc" / "shadow").write_text("root:*:")
        (root / "root").mkdir()
        before_open, before_scan = Path.open, os.scandir

        def refuse(path: object) -> None:  # Root, who may run these tests, reads everything.
            if Path(str(path)) == root / unreadable:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

        def open_file(path: Path, *arguments: Any, **named: Any) -> Any:
            refuse(path)
            return before_open(path, *arguments, **named)

        def scan(path: str) -> Any:
            refuse(path)
            return before_scan(path)

        monkeypatch.setattr(Path, "open", open_file)
        monkeypatch.setattr(os, "scandir", scan)
        with pytest.raises(Invalid, match=rf"as root, `tar .*got {unreadable} \(Permission denied\)"):
            import_root_file_system(root, layout, name="base")


class TestInspecting:
    def test_its_pythons_and_library_are_found(self, layout: Layout, tmp_path: Path) -> None:
        facts = make_base(layout, tmp_path / "root").facts
        assert facts.glibc == "2.36"
        assert facts.interpreter("3.11.7") == "/usr/bin/python3.11"
        with pytest.raises(Invalid, match=r"Python 3\.12.*got one with 3\.11") as refused:
            facts.interpreter("3.12")
        assert refused.value.code == "base_without_python"

    def test_an_upper_layer_takes_files_away_and_links_lead_on(self, layout: Layout, tmp_path: Path) -> None:
        base = make_base(layout, tmp_path / "root")
        upper = io.BytesIO()
        with tarfile.open(fileobj=upper, mode="w") as archive:
            for name, target in (
                ("usr/bin/.wh.python3.11", None),
                ("usr/local", ""),
                ("usr/local/bin", ""),
                ("usr/local/bin/python3.12", "../../../opt/python"),
                ("usr/local/bin/python3.13", "/nowhere"),
                ("usr/local/bin/python3.14", "python3.14"),
                ("opt/python", None),
            ):
                member = tarfile.TarInfo(name)
                if target is not None:
                    member.type, member.linkname = (tarfile.SYMTYPE, target) if target else (tarfile.DIRTYPE, "")
                archive.addfile(member)
        layer = layout.blobs.add(upper.getvalue(), LAYER)
        manifest = ImageManifest(base.manifest.config, (*base.manifest.layers, layer))
        assert inspect_base(layout.blobs, manifest, base.config).pythons == {"3.12": "/usr/local/bin/python3.12"}

    def test_a_base_without_the_library_is_refused(self, layout: Layout, tmp_path: Path) -> None:
        root = make_root(tmp_path / "root")
        (root / "usr/lib/x86_64-linux-gnu/libc.so.6").unlink()
        with pytest.raises(Invalid, match="GNU C library"):
            open_base(layout, import_root_file_system(root, layout, name="x"))

    def test_layers_in_another_form_are_refused(self, layout: Layout) -> None:
        config = ImageConfig(Platform("amd64"), (Digest.of(b"a"),))
        for media_type, expected in (("application/vnd.oci.image.layer.v1.tar+zstd", "zstd"), (LAYER, "tar archives")):
            manifest = ImageManifest(
                layout.blobs.add(config.to_bytes(), CONFIG), (layout.blobs.add(b"abc", media_type),)
            )
            with pytest.raises(Invalid, match=expected):
                open_base(layout, layout.blobs.add(manifest.to_bytes(), MANIFEST))

    def test_of_several_platforms_the_one_that_is_asked_for_is_taken(self) -> None:
        entries = tuple(
            Descriptor(MANIFEST, Digest.of(name.encode()), 1, platform=Platform(name)) for name in ("arm64", "amd64")
        )
        assert for_platform(ImageIndex(entries), Platform("amd64")) == entries[1]
        with pytest.raises(Invalid, match=r"linux/s390x.*linux/amd64, linux/arm64"):
            for_platform(ImageIndex(entries), Platform("s390x"))

    def test_an_image_of_another_layout_is_copied_and_checked(self, layout: Layout, tmp_path: Path) -> None:
        made = Layout(tmp_path / "other")
        base = make_base(made, tmp_path / "root")
        made.close()
        shutil.rmtree(made.root / ".ingest")
        other = Layout.open_read_only(made.root)
        copied = copy_image(other, layout, base.descriptor, platform=Platform("amd64"), name="base")
        assert open_base(layout, copied).facts == base.facts
        other.blobs.path(base.manifest.layers[0].digest).write_bytes(b"x" * base.manifest.layers[0].size)
        layout.blobs.remove(base.manifest.layers[0].digest)
        with pytest.raises(Invalid, match="of this digest"):
            copy_image(other, layout, base.descriptor, platform=Platform("amd64"), name="base")
        other.close()
        assert not (made.root / ".ingest").exists()

    @pytest.mark.parametrize("version", [None, "{}", "[]", '{"imageLayoutVersion": "2.0.0"}', "nothing"])
    def test_a_folder_that_is_no_layout_is_refused(self, tmp_path: Path, version: str | None) -> None:
        if version is not None:
            (tmp_path / "oci-layout").write_text(version)
        with pytest.raises(Invalid, match="expected an OCI layout") as refused:
            Layout.open_read_only(tmp_path)
        assert refused.value.code == "layout_invalid"
