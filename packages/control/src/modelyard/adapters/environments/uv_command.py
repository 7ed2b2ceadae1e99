"""The uv binary as a child process: a scrubbed environment in, lines for the job's log out, complaints in a sentence.

It hands down what an operator sets for uv itself (indexes, proxies, certificates) and nothing else of ours.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from uv import find_uv_bin

from modelyard.ports.environments import LogLine

_HANDED_DOWN = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "NETRC"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)
_UNREACHABLE = re.compile(
    r"error sending request|client error \(Connect\)|dns error|timed out|timeout|connection (closed|reset|refused)"
    r"|HTTP status server error|HTTP status client error \(429|error decoding response body",
    re.IGNORECASE,
)
_NO_WHEEL = re.compile(r"no usable wheels|building from source is disabled|building source distributions is disabled")
_LABEL = re.compile(r"^\s*(error|cause|hint|warning):")
_ADDRESS = re.compile(r"\b(?:https?|file)://[^\s`'\")]+")
_PATH = re.compile(r"(?<![\w./])/(?:[\w.+@~-]+/)+[\w.+@~-]*")
_LONGEST_REASON = 1000


class UvFailure(Exception):
    """uv ended with an error, and this is what it wrote, without addresses and paths."""

    def __init__(self, output: Sequence[str]) -> None:
        super().__init__("\n".join(output))
        self.output = output

    @property
    def is_unreachable(self) -> bool:
        """Whether an index did not answer, so that the same call may pass later."""
        return any(_UNREACHABLE.search(line) for line in self.output)

    @property
    def needs_a_build(self) -> bool:
        """Whether a package has no wheel, so that its own code would have to build one."""
        return any(_NO_WHEEL.search(line) for line in self.output)

    @property
    def reason(self) -> str:
        """uv's own explanation in one sentence; its hints are left to the log."""
        lines_by_label: dict[str, list[str]] = {"progress": [], "warning": [], "error": [], "cause": [], "hint": []}
        label = "progress"
        for line in filter(str.strip, self.output):
            if match := _LABEL.match(line):
                label = match[1]
                lines_by_label[label].append(line[match.end() :].strip())
            else:
                lines_by_label[label].append(line.strip())
        if self.is_unreachable:
            sentence = (lines_by_label["cause"] or lines_by_label["error"])[-1]
        else:
            errors = [line for line in lines_by_label["error"] if not line.startswith("No solution found")]
            sentence = " ".join(errors + lines_by_label["cause"])
        return sentence.rstrip(".").replace(". And because", "; and because")[:_LONGEST_REASON]


class Uv:
    """Runs uv with what the operator's environment says of uv.

    Args:
        environment: the operator's; only what uv needs of it is handed down.
        folder: the working directory. uv looks for a project's settings from there upwards; an empty file of ours ends
            its search, while the user's and the system's settings hold.
    """

    def __init__(self, *, environment: Mapping[str, str], folder: Path) -> None:
        self._binary = find_uv_bin()
        self._folder = folder
        self.environment = {
            name: value for name, value in environment.items() if name in _HANDED_DOWN or name.startswith("UV_")
        }

    def run(
        self,
        *arguments: str,
        log: LogLine,
        find_links: Sequence[Path] = (),
        inherited: Sequence[int] = (),
        prefix: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Run uv to its end.

        Args:
            arguments: what follows the name of the binary.
            log: called with each line that uv writes, without addresses and paths.
            find_links: folders with wheels, besides those that the operator named.
            inherited: descriptors that the child holds open, such as a lock that it must not outlive.
            prefix: a command that executes uv.
            variables: more of its environment.

        Raises:
            UvFailure: it ended with an error.
        """
        links = [self.environment.get("UV_FIND_LINKS", ""), *map(str, find_links)]
        environment = {**self._scrubbed(), **(variables or {})}
        if any(links):
            environment["UV_FIND_LINKS"] = ",".join(filter(None, links))
        (self._folder / "uv.toml").touch()
        with subprocess.Popen(
            [*prefix, self._binary, "--no-progress", *arguments],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=inherited,
        ) as process:
            output = [line.rstrip("\n") for line in _read_output(process, log)]
        if process.returncode != 0:
            raise UvFailure([without_places(line) for line in output])

    @property
    def binary(self) -> Path:
        """The program."""
        return Path(self._binary)

    @property
    def folder(self) -> Path:
        """Its working directory."""
        return self._folder

    def find_python(self, versions: str) -> Path | None:
        """An interpreter on this machine of such a version (`>=3.12`, `3.12.1`); None where uv finds none."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = subprocess.run(
            [self._binary, "python", "find", "--no-project", "--system", versions],
            cwd=self._folder,
            env=self._scrubbed(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        return Path(found.stdout.strip()) if found.returncode == 0 and found.stdout.strip() else None

    def _scrubbed(self) -> dict[str, str]:
        return {**self.environment, "NO_COLOR": "1", "UV_PYTHON_DOWNLOADS": "never"}


def without_places(text: str) -> str:
    """The text without addresses of indexes and paths of this machine, which are not the reader's to know."""
    return _PATH.sub(lambda match: Path(match[0]).name or "a folder", _ADDRESS.sub("the package index", text))


def _read_output(process: subprocess.Popen[str], log: LogLine) -> Sequence[str]:
    lines = []
    for line in process.stderr or ():
        lines.append(line)
        if line.strip():
            log(without_places(line.rstrip()))
    return lines
