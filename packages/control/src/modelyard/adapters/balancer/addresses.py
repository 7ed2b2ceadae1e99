"""The addresses of a balancer and what is behind each: a file for each address, which is what shall be."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from modelyard.atomic_file import replace_text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one replica listens."""

    host: str
    """An IP address."""
    port: int
    """Of HTTP/1.1; health is asked for here."""
    grpc_port: int | None = None
    """Of gRPC; None where it speaks none."""
    is_draining: bool = False
    """Whether it gets no new requests; those that it has go on."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where callers of one deployment connect, and who answers there."""

    host: str
    port: int
    endpoints: tuple[Endpoint, ...] = ()


class AddressFiles:
    """The addresses in one folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> Mapping[str, Address]:
        """Every address."""
        names = sorted(path.stem for path in self._folder.glob("*.json"))
        found = {name: self.find(name) for name in names}
        return {name: address for name, address in found.items() if address is not None}

    def find(self, name: str) -> Address | None:
        """The address of this name."""
        try:
            content = json.loads(self._file(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        endpoints = tuple(Endpoint(**endpoint) for endpoint in content.pop("endpoints"))
        return Address(**content, endpoints=endpoints)

    def write(self, name: str, address: Address) -> None:
        """Make it so."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(self._file(name), json.dumps(asdict(address)))

    def delete(self, name: str) -> None:
        """Forget it."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"
