"""What of the machine every program needs: libraries, certificates, name resolution, devices, and a Python's own files.

Of `/etc` it is a list, since keys and password hashes lie there too.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/proc", "/sys")
_OF_ETC = (
    *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "localtime", "timezone"),
    *("hosts", "host.conf", "resolv.conf", "nsswitch.conf", "gai.conf", "services", "protocols", "networks"),
    *("passwd", "group", "os-release", "lsb-release", "debian_version", "machine-id", "mime.types", "magic"),
    *("ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "ca-certificates.conf", "crypto-policies"),
    *("pki/tls/certs", "pki/tls/cert.pem", "pki/ca-trust/extracted"),
    *("fonts", "python3", "python3.11", "OpenCL", "vulkan", "matplotlibrc"),
)
_RESOLVERS = ("/run/systemd/resolve", "/run/resolvconf", "/run/nscd", "/var/lib/ca-certificates")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "kfd", "dri")
_DEVICE_PATTERNS = ("nvidia*",)
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def readable() -> list[Path]:
    """Places that may be read, and whose programs may be executed."""
    named = [Path(place) for place in (*_PROGRAMS, *_RESOLVERS)] + [Path("/etc") / name for name in _OF_ETC]
    resolver = Path("/etc/resolv.conf").resolve()
    return [*named, resolver]


def devices() -> list[Path]:
    """Devices that do no harm, and those of accelerators."""
    found = [path for pattern in _DEVICE_PATTERNS for path in Path("/dev").glob(pattern)]
    return [*(Path("/dev") / name for name in _DEVICES), *found]


def shared_memory() -> Path:
    """Where processes share memory."""
    return _SHARED_MEMORY


def of_python(python: Path) -> list[Path]:
    """The files of an interpreter and of the environment that it belongs to, and the links that lead to them."""
    real = Path(os.path.realpath(python))
    base = real.parent.parent
    own = [] if python.parent.parent == base else [python.parent.parent]
    parts = [base / name for name in ("bin", "lib", "lib64", "include", "share", "ssl")]
    return [*own, *parts, *_links(python)]


def _links(path: Path, depth: int = 20) -> Iterator[Path]:
    """Every symbolic link on the way to what a path names."""
    for place in [*reversed(path.parents), path]:
        if place.is_symlink() and depth:
            target = place.parent / place.readlink()
            yield place
            rest = path.relative_to(place)
            yield from _links(Path(os.path.normpath(target / rest)), depth - 1)
            return
