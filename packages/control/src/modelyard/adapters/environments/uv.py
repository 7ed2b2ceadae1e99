"""Environments by uv: resolved with hashes, hard-linked from uv's cache, and kept by the digest of their lock.

An environment stands in `environments/<digest>` and is built in place, under a lock that the building uv holds too; the
marker that completes it is written last, and what has none is built anew. A package that comes as source is built apart
(`source_builds`). Changing a built environment is refused: there is no call for it.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from modelyard.adapters.environments import lock_text
from modelyard.adapters.environments.interpreters import Interpreter, Interpreters
from modelyard.adapters.environments.server_distribution import ServerDistribution, ServerRequirement, editable_source
from modelyard.adapters.environments.source_builds import WheelsFirst
from modelyard.adapters.environments.uv_command import Uv, UvFailure
from modelyard.errors import Invalid, ModelyardError, Unavailable
from modelyard.file_lock import locked
from modelyard.home import Home
from modelyard.isolation import Isolation
from modelyard.ports.clock import Clock
from modelyard.ports.environments import Environment, Lock, LogLine, pinned
from modelyard.scratch import Scratch

_MARKER = "complete"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What shall be resolved."""

    requirements: Sequence[str]
    constraints: str
    python: Interpreter
    server: ServerRequirement | None


class UvEnvironments:
    """Environments for the Python that we ourselves run on, and for others that uv finds on this machine.

    Args:
        home: keeps the environments, the locks and the wheels of our own server.
        clock: by which a lock becomes too old.
        lock_ttl_seconds: how long a lock is used again for the same requirements.
        environment: the operator's; what it says of uv, proxies and certificates is handed down to uv.
        isolation: what stands between a package's own build and everything else.
        builds_sources: whether packages without a wheel are built.
    """

    def __init__(
        self,
        *,
        home: Home,
        clock: Clock,
        lock_ttl_seconds: float,
        environment: Mapping[str, str],
        isolation: Isolation,
        builds_sources: bool = True,
    ) -> None:
        self._home = home
        self._clock = clock
        self._lock_ttl = timedelta(seconds=lock_ttl_seconds)
        self._uv = Uv(environment=environment, folder=home.environments)
        self._wheels_first = WheelsFirst(self._uv, isolation=isolation, scratch=home.scratch, is_allowed=builds_sources)
        self._pythons = Interpreters(self._uv)
        self._server = ServerDistribution(
            uv=self._uv, wheels=home.wheels, scratch=home.scratch, source=editable_source()
        )

    def lock(
        self,
        requirements: Sequence[str],
        *,
        constraints: str = "",
        requires_python: str = "",
        server_extras: Sequence[str] | None = None,
        log: LogLine,
    ) -> Lock:
        """Resolve the requirements, or answer what they were resolved to a short time ago."""
        self._home.make()
        try:
            server = None if server_extras is None else self._server.requirement(server_extras, log=log)
            wanted = [*requirements, *([server.requirement] if server else [])]
            python = self._pythons.find(requires_python)
            key = self._key(wanted, constraints, python, server)
            text = self._remembered(key)
            if text is None:
                with closing(Scratch(self._home.scratch)) as scratch:
                    resolution = Resolution(wanted, constraints, python, server)
                    text = self._resolved(resolution, scratch=scratch, log=log)
                    self._remember(key, text, scratch=scratch)
        except UvFailure as failure:
            raise _translated(failure, code="requirements_unresolvable") from failure
        return Lock(text=text, digest=hashlib.sha256(text.encode()).hexdigest())

    def ensure(self, lock: Lock, *, log: LogLine) -> Environment:
        """The environment of this lock; two that want it at once wait for one build."""
        path = self._home.environment(lock.digest)
        environment = Environment(digest=lock.digest, path=path, python=path / "bin" / "python")
        if _is_complete(environment):
            return environment
        self._home.make()
        with locked(path.with_suffix(".lock")) as descriptor:
            if not _is_complete(environment):
                self._build(lock, environment, log=log, held=descriptor)
        return environment

    def _resolved(self, wanted: Resolution, *, scratch: Scratch, log: LogLine) -> str:
        """The lock's text; resolved once more where a package is known to need what it does not require."""
        text = self._compile(wanted, scratch=scratch, log=log)
        if missing := lock_text.forgotten(text):
            wanted = replace(wanted, requirements=[*wanted.requirements, *missing])
            text = self._compile(wanted, scratch=scratch, log=log)
        log(f"Resolved {len(pinned(text))} packages")
        text = lock_text.narrowed(text, lock_text.hashes_in(*wanted.requirements, wanted.constraints))
        return lock_text.headed(text, python=wanted.python.version)

    def _compile(self, wanted: Resolution, *, scratch: Scratch, log: LogLine) -> str:
        asked, held, resolved = (scratch.folder / name for name in ("wanted.in", "constraints.txt", "resolved.txt"))
        asked.write_text("\n".join(map(lock_text.without_hashes, wanted.requirements)))
        held.write_text("\n".join(pinned(wanted.constraints)))
        resolved.unlink(missing_ok=True)  # uv prefers what stands in the file already.
        options = ["--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
        options += ["--python-version", wanted.python.version, "--python", str(wanted.python.path)]
        options += ["--constraints", str(held), "--output-file", str(resolved)]
        links = [wanted.server.wheel_folder] if wanted.server and wanted.server.wheel_folder else []
        self._wheels_first.run(
            *("compile", *options, str(asked)),
            log=log,
            python=wanted.python.path,
            writable=[scratch.folder],
            find_links=links,
            inherited=[scratch.held],
        )
        return resolved.read_text()

    def _build(self, lock: Lock, environment: Environment, *, log: LogLine, held: int) -> None:
        if environment.path.exists():
            shutil.rmtree(environment.path)  # What a killed build left.
        wheels = self._server.wheel_folders(lock.text)
        try:
            python = self._pythons.named(lock.python)
            self._uv.run(
                *("venv", "--quiet", "--python", str(python.path), str(environment.path)), log=log, inherited=[held]
            )
            requirements = environment.path / "requirements.txt"
            requirements.write_text(lock.text)
            options = ["--require-hashes", "--python", str(environment.python)]
            self._wheels_first.run(
                *("sync", *options, str(requirements)),
                log=log,
                python=environment.python,
                writable=[environment.path],
                find_links=wheels,
                inherited=[held],
            )
        except UvFailure as failure:
            raise _translated(failure, code="environment_build_failed") from failure
        (environment.path / _MARKER).write_text(lock.digest)

    def _key(
        self, wanted: Sequence[str], constraints: str, python: Interpreter, server: ServerRequirement | None
    ) -> str:
        """Digest of all that a resolution depends on, but for the index itself."""
        settings = sorted((name, value) for name, value in self._uv.environment.items() if name.startswith("UV_"))
        content = server.content if server else ""
        inputs = json.dumps([python.version, sys.platform, wanted, constraints, content, settings])
        return hashlib.sha256(inputs.encode()).hexdigest()

    def _remembered(self, key: str) -> str | None:
        try:
            memory = json.loads((self._home.locks / f"{key}.json").read_text())
        except FileNotFoundError:
            return None
        age = self._clock.now() - datetime.fromisoformat(memory["locked_at"])
        return str(memory["text"]) if age < self._lock_ttl else None

    def _remember(self, key: str, text: str, *, scratch: Scratch) -> None:
        memory = scratch.folder / "memory.json"
        memory.write_text(json.dumps({"locked_at": self._clock.now().isoformat(), "text": text}))
        memory.rename(self._home.locks / f"{key}.json")


def _is_complete(environment: Environment) -> bool:
    try:
        return (environment.path / _MARKER).read_text() == environment.digest
    except FileNotFoundError:
        return False


def _translated(failure: UvFailure, *, code: str) -> ModelyardError:
    if failure.is_unreachable:
        return Unavailable(f"The package index does not answer: {failure.reason}.", code="package_index_unavailable")
    summaries = {"requirements_unresolvable": "cannot be met", "environment_build_failed": "do not install"}
    return Invalid(f"The requirements {summaries[code]}: {failure.reason}.", code=code, field="requirements")
