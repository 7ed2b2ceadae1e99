"""Archives and layers, read back by tarfile and gzip, which did not write them."""

import gzip
import hashlib
import io
import tarfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import Invalid
from modelyard.oci.content import LAYER, LAYER_GZIP
from modelyard.oci.layers import GzipTarLayer, PrecompressedGzipLayer, TarLayer
from modelyard.oci.layout import Layout
from modelyard.oci.tar_format import END, Entry, Kind, folder, link

names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=120).filter(
    lambda name: name not in {".", ".."}
)


def deflated(content: bytes) -> bytes:
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compress.compress(content) + compress.flush()


class TestEntries:
    @settings(max_examples=150, deadline=None)
    @given(
        parts=st.lists(names, min_size=1, max_size=4),
        target=st.lists(names, min_size=1, max_size=3),
        mode=st.integers(0, 0o7777),
        uid=st.integers(0, 2**31),
    )
    def test_tarfile_reads_what_was_written(self, parts: list[str], target: list[str], mode: int, uid: int) -> None:
        path, to = "/".join(parts), "/".join(target)
        entries = [folder(path), Entry(path, size=3, mode=mode, uid=uid), link(path, to)]
        archive = b"".join(
            entry.header() + (b"abc" if entry.kind is Kind.FILE else b"") + entry.padding for entry in entries
        )
        with tarfile.open(fileobj=io.BytesIO(archive + END)) as read:
            members = read.getmembers()
            assert [member.name for member in members] == [path.rstrip("/")] * 3
            assert [member.isdir() for member in members] == [True, False, False]
            assert (members[1].mode, members[1].uid, members[1].size, members[1].mtime) == (mode, uid, 3, 0)
            assert members[2].linkname == to
            content = read.extractfile(members[1])
            assert content is not None
            assert content.read() == b"abc"

    def test_a_file_larger_than_the_field_of_1988_keeps_its_size(self) -> None:
        entry = Entry("large", size=9 * 1024**3)
        with tarfile.open(fileobj=io.BytesIO(entry.header() + END), ignore_zeros=False) as read:
            member = read.next()
        assert member is not None
        assert member.size == 9 * 1024**3


class TestLayers:
    def test_members_of_stored_and_deflated_content_are_one_archive(self, layout: Layout) -> None:
        text = b"import this\n" * 5000
        with layout.blobs.writer() as writer:
            layer = PrecompressedGzipLayer(writer)
            layer.add(Entry("opt/a.txt", size=5), [b"hel", b"lo"])
            raw = deflated(text)
            layer.add_deflated(
                Entry("opt/b/c.py", size=len(text), mode=0o755), [raw[:7], raw[7:]], crc=zlib.crc32(text)
            )
            layer.add(Entry("opt/empty"))
            made = layer.commit("test")
        packed = layout.blobs.path(made.descriptor.digest).read_bytes()
        plain = gzip.decompress(packed)
        assert made.descriptor.media_type == LAYER_GZIP
        assert made.diff_id.hex == hashlib.sha256(plain).hexdigest()
        assert raw in packed
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            assert archive.getnames() == ["opt", "opt/a.txt", "opt/b", "opt/b/c.py", "opt/empty"]
            content = archive.extractfile("opt/b/c.py")
            assert content is not None
            assert content.read() == text

    def test_a_plain_layer_is_its_own_diff_id(self, layout: Layout) -> None:
        with layout.blobs.writer() as writer:
            layer = TarLayer(writer)
            layer.add(Entry("model/a", size=3), [b"abc"])
            made = layer.commit("test")
        assert made.descriptor.media_type == LAYER
        assert made.diff_id == made.descriptor.digest

    def test_a_compressed_layer_says_no_time(self, layout: Layout) -> None:
        def make() -> bytes:
            with layout.blobs.writer() as writer:
                layer = GzipTarLayer(writer)
                layer.add(Entry("a", size=3), [b"abc"])
                return layout.blobs.path(layer.commit("test").descriptor.digest).read_bytes()

        assert make() == make()
        assert make()[4:8] == bytes(4)

    @pytest.mark.parametrize(
        ("content", "size", "crc", "problem"),
        [
            (deflated(b"other"), 4, zlib.crc32(b"abcd"), "more than 4 bytes"),
            (deflated(b"abcd"), 5, zlib.crc32(b"abcd"), "expected 5 bytes, got 4"),
            (deflated(b"abcd"), 3, zlib.crc32(b"abcd"), "more than 3 bytes"),
            (deflated(b"abcd"), 4, 0, "CRC mismatch"),
            (deflated(b"abcd")[:-2], 4, zlib.crc32(b"abcd"), "truncated, or with trailing data"),
            (deflated(b"abcd") + b"more", 4, zlib.crc32(b"abcd"), "truncated, or with trailing data"),
            (b"\xff\xff\xff\xff", 4, zlib.crc32(b"abcd"), "not a deflate stream"),
            (deflated(bytes(50_000_000)), 4, zlib.crc32(b"abcd"), "more than 4 bytes"),
        ],
    )
    def test_a_stream_that_is_not_what_its_archive_says_is_refused(
        self, layout: Layout, content: bytes, size: int, crc: int, problem: str
    ) -> None:
        with layout.blobs.writer() as writer:
            layer = PrecompressedGzipLayer(writer)
            with pytest.raises(Invalid, match=f"a: {problem}") as refused:
                layer.add_deflated(Entry("a", size=size), [content], crc=crc)
        assert refused.value.code == "layer_content_changed"
        assert list(layout.blobs.names()) == []

    def test_content_of_another_length_is_refused(self, layout: Layout) -> None:
        with layout.blobs.writer() as writer:
            layer = TarLayer(writer)
            with pytest.raises(Invalid, match="a: expected 3 bytes, got 2"):
                layer.add(Entry("a", size=3), [b"ab"])
            with pytest.raises(Invalid, match="b: more than 1 bytes"):
                layer.add(Entry("b", size=1), [b"ab"])


class TestTheStore:
    def test_a_blob_that_is_not_what_was_promised_leaves_nothing(self, layout: Layout) -> None:
        promised = layout.blobs.add(b"right", LAYER)
        layout.blobs.remove(promised.digest)
        for chunks in ([b"wrong"], [b"rig"], [b"right", b"more"]):
            with pytest.raises(Invalid, match="expected 5 bytes of this digest"):
                layout.blobs.add_stream(chunks, promised)
        assert list(layout.blobs.names()) == []
        assert list(layout.scratch.iterdir()) == []

    def test_what_no_entry_leads_to_is_garbage_and_nothing_else(self, layout: Layout, tmp_path: Path) -> None:
        orphan = layout.blobs.add(b"orphan", LAYER)
        kept = layout.put(layout.blobs.add(b"kept", "text/plain"), name="kept")
        assert layout.collect_garbage() == orphan.size
        assert list(layout.blobs.names()) == [kept.digest]

    def test_garbage_waits_while_somebody_builds(self, layout: Layout) -> None:
        with layout.shared_lock(), pytest.raises(Exception, match="in use"):
            layout.collect_garbage()

    def test_a_name_leads_to_one_manifest(self, layout: Layout) -> None:
        for content in (b"one", b"two"):
            layout.put(layout.blobs.add(content, "text/plain"), name="v1")
        assert len(layout.index().manifests) == 1
        assert layout.blobs.document(layout.find("v1")) == b"two"
