"""Asks a run agent over the connection that its engine offers. Its answers are bounded: a script may have made them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Protocol

import httpx

from modelyard.adapters.runner.agent.exchange import TOKEN_HEADER, WAITING, RunRequest
from modelyard.adapters.runner.agent.file_stream import lay_files
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.runner import MOST_FILES, RunOutcome, RunPhase, RunSpec

_MOST_BYTES = 1024 * 1024 * 1024
_LONGEST_REASON = 4000
_LARGEST_ANSWER = 1024 * 1024
_NONE: Mapping[str, str] = MappingProxyType({})


class AgentAway(Unavailable):
    """The agent does not answer now."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The run's agent does not answer: {reason}.", code="runner_unavailable")


@dataclass(frozen=True, slots=True)
class AgentState:
    """What an agent says of its run. Without an outcome, no run was sent to it."""

    outcome: RunOutcome | None
    log_size: int


class Answer(Protocol):
    """What an agent answers, of a request that succeeded."""

    def iter_bytes(self) -> Iterator[bytes]:
        """Its body, piece by piece."""


class AgentLine(Protocol):
    """How an agent is reached."""

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], content: Iterator[bytes] | None
    ) -> AbstractContextManager[Answer]:
        """Send a request. What breaks off the reading of its answer is raised as AgentAway too.

        Raises:
            AgentAway: it does not answer, or not with success.
        """


class HttpLine:
    """An agent at an address of HTTP.

    Args:
        http: sends requests.
        address: of the agent, without a slash at its end.
    """

    def __init__(self, http: httpx.Client, address: str) -> None:
        self._http = http
        self._address = address

    @contextmanager
    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], content: Iterator[bytes] | None
    ) -> Iterator[httpx.Response]:
        """Send a request."""
        try:
            with self._http.stream(
                method, f"{self._address}{path}", headers=dict(headers), content=content
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise AgentAway(f"status {response.status_code}")
                yield response
        except httpx.HTTPError as error:
            raise AgentAway(str(error) or type(error).__name__) from error


class AgentClient:
    """The agent of one run.

    Args:
        line: to the agent.
        token: of the run.
    """

    def __init__(self, line: AgentLine, token: str) -> None:
        self._line = line
        self._headers = {TOKEN_HEADER: token}

    def state(self) -> AgentState:
        """What the run does. Raises AgentAway."""
        with self._answer("GET", "/state") as response:
            return _state(_json(response))

    def begin(self, spec: RunSpec) -> None:
        """Send the run, which begins unless one was sent before.

        Raises:
            AgentAway: it may have come or not.
            Invalid: the agent cannot run it.
        """
        request = RunRequest(spec)
        headers = {"Content-Length": str(len(request))}
        with self._answer("POST", "/run", content=iter(request), headers=headers) as response:
            refused = _json(response)
        if refused:
            raise Invalid(str(refused.get("message"))[:_LONGEST_REASON], code="run_refused")

    def cancel(self) -> None:
        """Ask it to end the run; returns at once. Raises AgentAway."""
        with self._answer("POST", "/cancel"):
            pass

    def copy_log(self, log: IO[bytes], *, size: int) -> None:
        """Append to a log, which holds its beginning, what is missing up to a size. Raises AgentAway."""
        while (offset := log.tell()) < size:
            with self._answer("GET", f"/log?offset={offset}") as response:
                content = _bounded(response)
            if not content:
                raise AgentAway("its log is shorter than it said")
            log.write(content[: size - offset])

    def copy_files(self, folder: Path) -> None:
        """Copy the files that the run left.

        Raises:
            AgentAway: it was interrupted.
            Invalid: code `run_files_invalid`: what it sends is no stream of files.
        """
        with self._answer("GET", "/files") as response:
            try:
                lay_files(_Stream(response), folder, most_files=MOST_FILES, most_bytes=_MOST_BYTES)
            except (ValueError, KeyError, TypeError) as error:
                raise Invalid("the files that the run left cannot be read", code="run_files_invalid") from error

    def _answer(
        self, method: str, path: str, *, content: Iterator[bytes] | None = None, headers: Mapping[str, str] = _NONE
    ) -> AbstractContextManager[Answer]:
        return self._line.request(method, path, headers={**self._headers, **headers}, content=content)


class _Stream:
    """The body of an answer, as a file is read."""

    def __init__(self, response: Answer) -> None:
        self._chunks = response.iter_bytes()
        self._held = b""

    def read(self, size: int) -> bytes:
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._held = chunk
        content, self._held = self._held[:size], self._held[size:]
        return content

    def readline(self, limit: int) -> bytes:
        while b"\n" not in self._held and len(self._held) < limit and (chunk := next(self._chunks, None)) is not None:
            self._held += chunk
        end = self._held.find(b"\n", 0, limit) + 1 or limit
        content, self._held = self._held[:end], self._held[end:]
        return content


def _bounded(response: Answer) -> bytes:
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > _LARGEST_ANSWER:
            raise AgentAway("its answer is too large")
    return content


def _json(response: Answer) -> dict[str, Any]:
    try:
        content = json.loads(_bounded(response))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise AgentAway("its answer cannot be read")
    return content


def _state(content: dict[str, Any]) -> AgentState:
    try:
        size = int(content["log_size"])
        if content["phase"] == WAITING:
            return AgentState(None, size)
        exit_code, reason, uri = content["exit_code"], content["reason"], content["tracking_uri"]
        outcome = RunOutcome(
            RunPhase(content["phase"]),
            exit_code=None if exit_code is None else int(exit_code),
            reason=None if reason is None else str(reason)[:_LONGEST_REASON],
            tracking_uri=None if uri is None else str(uri)[:_LONGEST_REASON],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AgentAway("its answer cannot be read") from error
    return AgentState(outcome, size)
