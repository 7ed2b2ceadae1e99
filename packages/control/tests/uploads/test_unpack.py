"""Archives from strangers: what is unpacked is plain files below one folder, and nothing else ever."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.disk import Disk, Space
from modelyard.errors import DiskFull, Invalid
from modelyard.uploads.unpack import unpack

FILES = {"MLmodel": b"flavors: {}\n", "data/model.pkl": b"never unpickled"}


def tar_of(*entries: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name) if isinstance(name, str) else name
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def packed(archive: bytes) -> bytes:
    """By gzip, the same bytes at any time: they are names of tests."""
    return gzip.compress(archive, mtime=0)


def zip_of(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def zip_link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    return entry


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """What comes out of an archive of this name; fails when anything was written elsewhere."""

    def run(name: str, content: bytes, *, max_bytes: int = 1000, free: int = 10**12) -> dict[str, bytes]:
        archive, folder = tmp_path / "archive", tmp_path / "inside" / "out"
        archive.write_bytes(content)
        folder.mkdir(parents=True)
        try:
            disk = Disk(tmp_path, floor_bytes=0, reserve_bytes=0, measure=lambda _: Space(free=free, total=10**12))
            unpack(archive, folder, name=name, max_bytes=max_bytes, disk=disk)
        finally:
            assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "inside"]
            assert [path.name for path in (tmp_path / "inside").iterdir()] == ["out"]
            assert not [path for path in folder.rglob("*") if path.is_symlink()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return run


class TestUnpack:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("m.tar", tar_of(*FILES.items())),
            ("m.tar.gz", packed(tar_of(*FILES.items()))),
            ("m.tgz", packed(tar_of(*FILES.items()))),
            ("M.ZIP", zip_of(*FILES.items())),
            ("m.tar", tar_of(*((f"churn/{path}", content) for path, content in FILES.items()))),
            ("m.zip", zip_of(("churn/", b""), *((f"churn/{path}", content) for path, content in FILES.items()))),
            ("m.tar", tar_of((special("data", tarfile.DIRTYPE), b""), *FILES.items())),
        ],
    )
    def test_every_kind_gives_the_model_whether_or_not_its_folder_was_packed_with_it(
        self, unpacked: Callable[..., dict[str, bytes]], name: str, content: bytes
    ) -> None:
        assert unpacked(name, content) == FILES

    @pytest.mark.parametrize(
        "path", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "a\nb", "x" * 501, "\N{RIGHT-TO-LEFT OVERRIDE}"]
    )
    @pytest.mark.parametrize("kind", ["tar", "zip"])
    def test_a_path_that_leads_elsewhere_is_refused(
        self, unpacked: Callable[..., dict[str, bytes]], kind: str, path: str
    ) -> None:
        content = tar_of((path, b"x")) if kind == "tar" else zip_of((path, b"x"))
        with pytest.raises(Invalid, match="path is not a plain one") as reported:
            unpacked(f"m.{kind}", content)
        assert reported.value.code == "archive_invalid"

    @pytest.mark.parametrize("path", ["x" * 256, "🦉" * 64, "/".join(["🦉" * 50] * 8)])
    @pytest.mark.parametrize("kind", ["tar", "zip"])
    def test_a_path_that_is_too_long_for_the_disk_or_the_database_is_refused(
        self, unpacked: Callable[..., dict[str, bytes]], kind: str, path: str
    ) -> None:
        content = tar_of((path, b"x")) if kind == "tar" else zip_of((path, b"x"))
        with pytest.raises(Invalid, match="path is too long, expected at most 1500 bytes in UTF-8 and 255 for"):
            unpacked(f"m.{kind}", content)

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("m.tar", tar_of((special("link", tarfile.SYMTYPE, "/etc/passwd"), b""))),
            ("m.tar", tar_of((special("link", tarfile.LNKTYPE, "MLmodel"), b""))),
            ("m.tar", tar_of((special("device", tarfile.CHRTYPE), b""))),
            ("m.tar", tar_of((special("pipe", tarfile.FIFOTYPE), b""))),
            ("m.zip", zip_of((zip_link(), b"/etc/passwd"))),
            ("m.zip", zip_of(("a", b"x" * 100), method=zipfile.ZIP_LZMA)),
            ("m.tar", tar_of(("a", b"1"), ("./a", b"2"))),
            ("m.tar", tar_of(("a", b"1"), ("a/b", b"2"))),
            ("m.tar", tar_of(("a/b", b"1"), ("a", b"2"))),
            ("m.tar", b"not an archive" * 100),
            ("m.zip", b"not an archive" * 100),
            ("m.tar.gz", packed(tar_of(("a", b"x" * 5000)))[:-40]),
            ("m.tar", tar_of(("a", b"x" * 5000))[:2000]),
            ("m.zip", zip_of(("a", bytes(range(256))))[:-60]),
        ],
    )
    def test_what_is_no_plain_file_or_is_broken_is_refused(
        self, unpacked: Callable[..., dict[str, bytes]], name: str, content: bytes
    ) -> None:
        with pytest.raises(Invalid) as reported:
            unpacked(name, content, max_bytes=10_000)
        assert reported.value.code == "archive_invalid"

    def test_a_header_that_would_fill_the_memory_is_not_read(self, unpacked: Callable[..., dict[str, bytes]]) -> None:
        header = special("pax", tarfile.XHDTYPE)
        header.size = 8 * 1024**3
        content = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(3_000_000))
        with pytest.raises(Invalid, match="header"):
            unpacked("m.tar.gz", content)

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("m.tar", tar_of(("a", bytes(600)), ("b", bytes(600)))),
            ("m.tar.gz", packed(tar_of(("a", bytes(10_000_000))))),
            ("m.zip", zip_of(("a", bytes(10_000_000)))),
        ],
    )
    def test_a_bomb_is_put_out_when_it_has_more_bytes_than_allowed(
        self, unpacked: Callable[..., dict[str, bytes]], name: str, content: bytes
    ) -> None:
        with pytest.raises(Invalid, match="more than 1000 bytes"):
            unpacked(name, content)


GIB = 1024**3


def zip_that_says(content: bytes, **declared: int) -> bytes:
    """A zip of one file of this content whose headers declare something else of it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", content)
        for name, value in declared.items():
            setattr(archive.infolist()[0], name, value)
    return packed.getvalue()


def tar_that_says(size: int) -> bytes:
    """The beginning of a tar whose one file is declared to have this size."""
    entry = tarfile.TarInfo("a")
    entry.size = size
    return gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(100_000), mtime=0)


class TestDeclaredSizes:
    """What is declared is looked at before anything is written."""

    @pytest.mark.parametrize(
        ("name", "content"), [("m.zip", zip_that_says(b"x", file_size=22 * GIB)), ("m.tar.gz", tar_that_says(22 * GIB))]
    )
    def test_more_than_is_allowed_is_refused_unread(
        self, unpacked: Callable[..., dict[str, bytes]], tmp_path: Path, name: str, content: bytes
    ) -> None:
        with pytest.raises(Invalid, match="more than"):
            unpacked(name, content, max_bytes=20 * GIB)
        assert not any((tmp_path / "inside" / "out").iterdir())

    @pytest.mark.parametrize(
        ("name", "content"),
        [("m.zip", zip_of(("a", bytes(900)), ("b", bytes(900)))), ("m.tar.gz", packed(tar_of(("a", bytes(1800)))))],
    )
    def test_more_than_the_disk_has_is_a_full_disk(
        self, unpacked: Callable[..., dict[str, bytes]], tmp_path: Path, name: str, content: bytes
    ) -> None:
        with pytest.raises(DiskFull, match=r"unpacking the archive needs 1\.8 KiB, has 1000 bytes"):
            unpacked(name, content, max_bytes=10_000, free=1000)
        assert not any((tmp_path / "inside" / "out").iterdir())

    @pytest.mark.parametrize(
        ("name", "content"),
        [("m.zip", zip_of(("a", bytes(1_000_000)))), ("m.tgz", packed(tar_of(("a", bytes(1_000_000)))))],
    )
    def test_a_packing_that_no_model_has_is_refused(
        self, unpacked: Callable[..., dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
    ) -> None:
        monkeypatch.setattr("modelyard.uploads.unpack._UNSUSPICIOUS", 1000)
        with pytest.raises(Invalid, match="200 times"):
            unpacked(name, content, max_bytes=GIB)

    def test_a_file_that_is_longer_than_it_declares_is_broken(self, unpacked: Callable[..., dict[str, bytes]]) -> None:
        with pytest.raises(Invalid, match="cannot be read"):
            unpacked("m.zip", zip_that_says(bytes(1_000_000), file_size=10), max_bytes=GIB)

    def test_two_files_in_the_same_bytes_are_refused(self, unpacked: Callable[..., dict[str, bytes]]) -> None:
        """The trick of a bomb that needs no nesting: one block of zeros, and many names for it."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("a", "b", "c"):
                archive.writestr(name, bytes(1000))
            for entry in archive.infolist():
                entry.header_offset = 0
        with pytest.raises(Invalid, match="two files in the same bytes"):
            unpacked("m.zip", packed.getvalue(), max_bytes=GIB)

    def test_a_directory_of_a_million_entries_is_not_read(self, unpacked: Callable[..., dict[str, bytes]]) -> None:
        """Its entries would take a hundred times its size in memory."""
        whole = zip_of(("a", b"x"))
        end = whole.rindex(b"PK\5\6")
        entry = whole[whole.index(b"PK\1\2") : end]
        count = 9 * 1024 * 1024 // len(entry)
        tail = bytearray(whole[end:])
        tail[12:16] = (len(entry) * count).to_bytes(4, "little")
        with pytest.raises(Invalid, match="its directory has"):
            unpacked("m.zip", whole[: whole.index(b"PK\1\2")] + entry * count + bytes(tail), max_bytes=GIB)
