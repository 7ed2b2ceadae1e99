"""What a target remembers of each generation of servers: what was applied, and who was asked to leave, and when.

A file for each generation. What was made is known by the platform; a record that is lost is written again by the next
`apply`, and until then nothing is taken away.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from modelyard.atomic_file import replace_text
from modelyard.ports.target import ServerKey
from modelyard.supervision.programs import generation_suffix

_RECORD = "server"


@dataclass(frozen=True, slots=True)
class Record:
    """Of one generation."""

    installation: str
    replicas: int
    template: str
    fingerprint: str | None = None
    """None until all replicas were made."""
    is_draining: bool = False
    """Whether the generation was asked to go."""
    drained_at: Mapping[str, float] = field(default_factory=dict)
    """Of replicas that get no new requests any more, by name: since when, in seconds of the epoch."""
    stopped_at: Mapping[str, float] = field(default_factory=dict)
    """Of replicas that were asked to end, likewise."""


class Records:
    """The records of one target, in a folder for each deployment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deployments(self) -> Sequence[str]:
        """The ids of all deployments that have a record."""
        return sorted({path.parent.name for path in self._folder.glob(f"*/{_RECORD}*.json")})

    def of(self, deployment_id: str) -> Mapping[int, Record]:
        """The records of one deployment, by generation."""
        names = [path.stem for path in self.folder(deployment_id).glob(f"{_RECORD}*.json")]
        generations = sorted(int(name.rpartition("-g")[2]) if "-g" in name else 1 for name in names)
        found = {number: self._read(ServerKey(deployment_id, number)) for number in generations}
        return {number: record for number, record in found.items() if record is not None}

    def write(self, key: ServerKey, record: Record) -> None:
        """Remember it."""
        self.folder(key.deployment_id).mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(self._file(key), json.dumps(asdict(record)))

    def delete(self, key: ServerKey) -> None:
        """Forget it."""
        self._file(key).unlink(missing_ok=True)

    def folder(self, deployment_id: str) -> Path:
        """Of one deployment; its logs are there too."""
        return self._folder / deployment_id

    def _read(self, key: ServerKey) -> Record | None:
        try:
            return Record(**json.loads(self._file(key).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _file(self, key: ServerKey) -> Path:
        return self.folder(key.deployment_id) / f"{_RECORD}{generation_suffix(key.generation)}.json"
