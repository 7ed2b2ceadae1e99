"""What runs under the supervisor, as files: one that supervisord reads, and one that `modelyard.local.launch` reads.

supervisord knows no priorities of the scheduler, hands its own environment down and has quoting rules of its own, so
the command that it starts is always the launcher with the name of a file; all else is in that file.
"""

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modelyard.atomic_file import replace_text
from modelyard.home import Home
from modelyard.supervision.environment import Scope

CONTROL = "control"
"""The control plane's program."""
MLFLOW = "mlflow"
"""MLflow's."""
GATEWAY = "gateway"
"""The gateway's node of this machine."""
BALANCER = "balancer"
"""The Envoy of servers that run elsewhere."""
SERVER_PREFIX = "server-"
"""What the names of model servers' programs begin with; the deployment's id follows."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")

_SECTION = """\
[program:{name}]
command={command}
directory={folder}
priority={priority}
autostart=true
autorestart=true
startsecs=3
startretries=1000000000
stopsignal=TERM
stopwaitsecs={stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program that is kept alive.

    Started again with a delay that grows by a second each time while its starts fail, for ever.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    """Its working directory."""
    log: Path
    """What it writes to stdout and stderr; rotated at 20 MB."""
    scope: Scope
    """Which variables of the supervisor's environment it sees."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set besides those."""
    confinement: Mapping[str, Any] | None = None
    """What it may see and touch, as `Confinement.written` gives it; all that its user may without one."""
    nice: int = 0
    priority: int = 500
    """Lower ones are started first and stopped last."""
    stop_seconds: int = 15
    """How long it has after SIGTERM until SIGKILL."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"A program's name is letters, digits, `-` and `_`; {self.name!r} came.")


@dataclass(frozen=True, slots=True)
class ProgramFiles:
    """The places of one program's files in the supervisor's folder."""

    supervisor: Path
    name: str

    @classmethod
    def all(cls, home: Home) -> list["ProgramFiles"]:
        """Of every program that was put there and not taken away."""
        names = {path.stem for path in (home.supervisor / "programs").glob("*.json")}
        names |= {path.stem for path in (home.supervisor / "generations").glob("*.json")}
        return [cls(home.supervisor, name) for name in sorted(names)]

    @property
    def section(self) -> Path:
        """What supervisord reads."""
        return self.supervisor / "conf.d" / f"{self.name}.conf"

    @property
    def launch(self) -> Path:
        """What the launcher reads."""
        return self.supervisor / "programs" / f"{self.name}.json"

    @property
    def generation(self) -> Path:
        """What the launcher writes: which processes its last start is."""
        return self.supervisor / "generations" / f"{self.name}.json"

    def write(self, program: Program) -> str:
        """Write what supervisord and the launcher read; the digest of the latter."""
        for place in (self.section, self.launch, self.generation):
            place.parent.mkdir(mode=0o700, exist_ok=True)
        content = json.dumps(asdict(program) | {"generation": self.generation}, default=str, indent=2)
        launcher = [sys.executable, "-P", "-m", "modelyard.local.launch", str(self.launch)]
        section = _SECTION.format(
            name=program.name,
            command=shlex.join(launcher),
            folder=program.folder,
            priority=program.priority,
            stop_seconds=program.stop_seconds,
            log=program.log,
        )
        for place, text in ((self.launch, content), (self.section, section)):
            if not place.exists() or place.read_text(encoding="utf-8") != text:
                replace_text(place, text)
        return digest_of(content)

    def forget(self) -> None:
        """Take all three files away."""
        for place in (self.section, self.launch, self.generation):
            place.unlink(missing_ok=True)

    def digest(self) -> str | None:
        """Of what the launcher reads now; None if there is nothing."""
        try:
            return digest_of(self.launch.read_text(encoding="utf-8"))
        except OSError:
            return None


def server_program(deployment_id: str, generation: int) -> str:
    """The name of the program of one generation of a deployment's servers."""
    return SERVER_PREFIX + deployment_id + generation_suffix(generation)


def generation_suffix(generation: int) -> str:
    """What distinguishes the later generations of a deployment from the first in names of programs and files."""
    return "" if generation == 1 else f"-g{generation}"


def deployment_of(program: str) -> str:
    """The deployment whose servers a program is."""
    name, dash, last = program.removeprefix(SERVER_PREFIX).rpartition("-g")
    return name if dash and last.isdecimal() else program.removeprefix(SERVER_PREFIX)


def digest_of(content: str) -> str:
    """A digest of the content of a launch file."""
    return hashlib.sha256(content.encode()).hexdigest()
