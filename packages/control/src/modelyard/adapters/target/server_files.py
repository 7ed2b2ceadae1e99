"""The files of one generation of a deployment's servers on this machine.

server.json    what `modelyard-serve` reads: written before the server starts, and taken away after all else
applied.json   whose server it is, and the fingerprint of the spec that was applied last
status.json    what the server says of itself
server.log     what it writes; it stays
tmp/           its temporary files

Later generations have their number in each name: `server-g2.json`.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from modelyard.atomic_file import replace_text
from modelyard.log_file import LogFile
from modelyard.supervision.programs import generation_suffix, server_program


@dataclass(frozen=True, slots=True)
class Applied:
    """What is known of the last `apply`. Servers of releases before there were labels have no such file."""

    installation: str | None = None
    fingerprint: str | None = None
    """None until all of it was applied."""


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The places of one generation in its deployment's folder."""

    folder: Path
    deployment_id: str
    generation: int

    @property
    def program(self) -> str:
        """The name of its supervised program."""
        return server_program(self.deployment_id, self.generation)

    @property
    def configuration(self) -> Path:
        """What the server reads."""
        return self._file("server", "json")

    @property
    def status(self) -> Path:
        """What the server writes."""
        return self._file("status", "json")

    @property
    def log_file(self) -> Path:
        """What it writes to stdout and stderr."""
        return self._file("server", "log")

    @property
    def log(self) -> LogFile:
        """The same, to be read."""
        return LogFile(self.log_file)

    @property
    def scratch(self) -> Path:
        """Its temporary files."""
        return self.folder / f"tmp{generation_suffix(self.generation)}"

    def applied(self) -> Applied:
        """What was applied last."""
        try:
            content = json.loads(self._applied.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Applied()
        return Applied(content["installation"], content["fingerprint"])

    def write_applied(self, applied: Applied) -> None:
        """Write down what was applied."""
        content = {"installation": applied.installation, "fingerprint": applied.fingerprint}
        replace_text(self._applied, json.dumps(content))

    def delete(self) -> None:
        """Delete all of them but the log."""
        self.status.unlink(missing_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._applied.unlink(missing_ok=True)
        self.configuration.unlink(missing_ok=True)

    @property
    def _applied(self) -> Path:
        return self._file("applied", "json")

    def _file(self, name: str, ending: str) -> Path:
        return self.folder / f"{name}{generation_suffix(self.generation)}.{ending}"


def generations_in(folder: Path) -> list[int]:
    """The generations that have a configuration in a deployment's folder."""
    names = [path.stem for path in folder.glob("server*.json")]
    return sorted(int(name.removeprefix("server-g")) if "-g" in name else 1 for name in names)
