"""Packages that come as source run their own code to be built. It runs isolated, and with a cache of its own.

uv is asked for wheels first, in the cache that all environments share: no package's code runs then. Only where one has
no wheel, uv is asked again with a cache that is thrown away, since what a build leaves in a shared cache would be
executed in every other environment.
"""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from modelyard.adapters.environments.uv_command import Uv, UvFailure
from modelyard.errors import Invalid
from modelyard.isolation import Confinement, Isolation
from modelyard.ports.environments import LogLine
from modelyard.scratch import Scratch

_ONLY_WHEELS = "--no-build"
_OPERATORS_FILES = ("UV_CONFIG_FILE", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT")


class WheelsFirst:
    """Runs uv for environments.

    Args:
        uv: the binary.
        isolation: what stands between a build and everything else.
        scratch: folder of scratch folders.
        is_allowed: whether anything is built from source.
    """

    def __init__(self, uv: Uv, *, isolation: Isolation, scratch: Path, is_allowed: bool) -> None:
        self._uv = uv
        self._isolation = isolation.of_servers
        self._scratch = scratch
        self._is_allowed = is_allowed and not self._uv.environment.get("UV_NO_BUILD")

    def run(
        self,
        *arguments: str,
        log: LogLine,
        python: Path,
        writable: Sequence[Path],
        find_links: Sequence[Path] = (),
        inherited: Sequence[int] = (),
    ) -> None:
        """Run `uv pip <arguments>` to its end.

        Args:
            arguments: what follows `uv pip`; the first is the command.
            log: called with each line.
            python: the interpreter that builds.
            writable: the folders that the result is written to.
            find_links: folders with wheels.
            inherited: descriptors that uv holds open.

        Raises:
            UvFailure: it ended with an error.
            Invalid: code `source_build_refused`.
        """
        command, *rest = arguments
        try:
            self._uv.run(
                "pip", command, _ONLY_WHEELS, *rest, log=_without_hints(log), find_links=find_links, inherited=inherited
            )
        except UvFailure as failure:
            if not failure.needs_a_build:
                raise
            if not self._is_allowed:
                raise Invalid(
                    f"a package comes as source only, and nothing is built from source here: {failure.reason}",
                    code="source_build_refused",
                    field="requirements",
                ) from failure
        else:
            return
        log("a package has no wheel: building it from source, apart from everything else")
        with closing(Scratch(self._scratch)) as scratch:
            cache, temporary = scratch.folder / "cache", scratch.folder / "tmp"
            for folder in (cache, temporary):
                folder.mkdir()
            links = [*find_links, *_folders(self._uv.environment.get("UV_FIND_LINKS", ""))]
            prefix = self._entering(python, [*writable, cache, temporary], [*links, *self._configuration()])
            variables = {"UV_CACHE_DIR": str(cache), "TMPDIR": str(temporary), "UV_LINK_MODE": "copy"}
            self._uv.run(
                "pip",
                *arguments,
                log=log,
                find_links=find_links,
                inherited=[*inherited, scratch.held],
                prefix=prefix,
                variables=variables,
            )

    def _entering(self, python: Path, writable: Sequence[Path], readable: Sequence[Path]) -> list[str]:
        confinement = Confinement.of(
            self._isolation,
            python=python,
            writable=writable,
            readable=[*readable, self._uv.binary, self._uv.folder / "uv.toml"],
        )
        return [sys.executable, "-P", "-m", "modelyard.isolation.enter", json.dumps(confinement.to_dict())]

    def _configuration(self) -> list[Path]:
        """What uv itself reads of the operator's: where indexes are, and who we are there."""
        given = [Path(self._uv.environment[name]) for name in _OPERATORS_FILES if name in self._uv.environment]
        home = Path(self._uv.environment.get("HOME", os.sep))
        return [*given, home / ".config" / "uv", home / ".netrc", Path("/etc/uv")]


def _folders(links: str) -> list[Path]:
    """The folders among the places that UV_FIND_LINKS names."""
    return [Path(each) for each in links.split(",") if each.startswith(os.sep)]


def _without_hints(log: LogLine) -> LogLine:
    """The log of a try that may be made again: what it wanted wheels for is no advice to who reads it."""

    def say(line: str) -> None:
        if _ONLY_WHEELS not in line:
            log(line)

    return say
