"""Entries of tar archives as bytes that never differ: a POSIX header with a fixed time and owners, written here.

The standard library promises archives that can be read, not archives whose bytes stay the same from one Python to the
next. Here every byte is the entry's. What does not fit into the fields of 1988 (a long path, a size of 8 GiB) goes
into a pax record before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

BLOCK = 512
END = bytes(2 * BLOCK)
"""What an archive ends with."""
_MAX_NAME = 100
_MAX_PREFIX = 155
_MAX_SIZE = 8**11 - 1
_MAX_ID = 8**7 - 1


class Kind(Enum):
    """What an entry is, by the type flag of its header."""

    FILE = b"0"
    HARD_LINK = b"1"
    SYMLINK = b"2"
    FOLDER = b"5"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a layer: its path without a leading slash, with `/` between its parts."""

    path: str
    kind: Kind = Kind.FILE
    size: int = 0
    mode: int = 0o644
    target: str = ""
    """Of a link."""
    uid: int = 0
    gid: int = 0
    mtime: int = 0

    def header(self) -> bytes:
        """The blocks before its content."""
        name = self.path + ("/" if self.kind is Kind.FOLDER else "")
        prefix, short = _split(name.encode())
        target = self.target.encode()
        records: dict[str, str] = {}
        if short is None:
            records["path"] = name
            prefix, short = b"", name.encode()[:_MAX_NAME]
        if len(target) > _MAX_NAME:
            records["linkpath"] = self.target
        for record, value, most in (
            ("size", self.size, _MAX_SIZE),
            ("uid", self.uid, _MAX_ID),
            ("gid", self.gid, _MAX_ID),
        ):
            if value > most:
                records[record] = str(value)
        size = self.size if "size" not in records else 0
        block = _block(
            short,
            self.kind.value,
            size=size,
            mode=self.mode,
            target=target[:_MAX_NAME],
            prefix=prefix,
            uid=min(self.uid, _MAX_ID),
            gid=min(self.gid, _MAX_ID),
            mtime=self.mtime,
        )
        return _pax(records, self.mtime) + block

    @property
    def padding(self) -> bytes:
        """What fills the last block of its content."""
        return bytes(-self.size % BLOCK)


def folder(path: str, mode: int = 0o755) -> Entry:
    """A folder."""
    return Entry(path, kind=Kind.FOLDER, mode=mode)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, kind=Kind.SYMLINK, target=target, mode=0o777)


def parents(path: str) -> list[str]:
    """The folders above a path, the topmost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    """Prefix and name as a header has them; no name where it takes a pax record."""
    if len(name) <= _MAX_NAME:
        return b"", name
    for i, byte in enumerate(name[: _MAX_PREFIX + 1]):
        if byte == ord("/") and i > 0 and 0 < len(name) - i - 1 <= _MAX_NAME:
            return name[:i], name[i + 1 :]
    return b"", None


def _pax(records: Mapping[str, str], mtime: int) -> bytes:
    if not records:
        return b""
    content = b"".join(_record(name, value) for name, value in sorted(records.items()))
    header = _block(b"PaxHeader", b"x", size=len(content), mode=0o644, mtime=mtime)
    return header + content + bytes(-len(content) % BLOCK)


def _record(name: str, value: str) -> bytes:
    """`<length> <name>=<value>`, where the length counts its own digits too."""
    rest = f" {name}={value}\n".encode()
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _block(
    name: bytes,
    kind: bytes,
    *,
    size: int,
    mode: int,
    target: bytes = b"",
    prefix: bytes = b"",
    uid: int = 0,
    gid: int = 0,
    mtime: int = 0,
) -> bytes:
    fields = b"".join(
        (
            name.ljust(100, b"\0"),
            b"%07o\0%07o\0%07o\0" % (mode & 0o7777, uid, gid),
            b"%011o\0%011o\0" % (size, mtime),
            b" " * 8,  # The checksum counts itself as spaces.
            kind,
            target.ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(64),  # No names of users and groups.
            b"0000000\x000000000\0",
            prefix.ljust(155, b"\0"),
            bytes(12),
        )
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]
