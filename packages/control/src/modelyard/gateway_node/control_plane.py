"""What a node asks of the control plane, and reports to it. Each call is a request with the node's own credential."""

import ssl
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol
from urllib.parse import quote

import httpx

from modelyard.errors import Unavailable
from modelyard.gateway_node.answer_log import AnsweredRequest
from modelyard.gateway_node.comparer import ComparisonCounters
from modelyard.gateway_node.configuration import Configuration
from modelyard.gateway_node.counters import BackendCounters
from modelyard.gateway_node.usage import UsageReport

WAIT_SECONDS = 25
"""How long a request for a newer configuration may wait for one."""
MOST_REPORTED = 1_000
"""Refused parts in one report."""
MOST_REASON = 500
"""Characters of why one is."""
CREDENTIAL_PREFIX = "mg_"
"""Begins the token of nodes, so that it is not taken for a member's."""
_ANSWER_SECONDS = 10.0
_PREFIX = "/api/v1/gateway"


@dataclass(frozen=True, slots=True)
class RefusedPart:
    """A part of the newest configuration that Envoy refuses; what was there before goes on."""

    kind: str
    """As in `parts.PartKind`."""
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """What a node says of itself."""

    running: str | None
    """The digest of the configuration that its Envoy has confirmed, but for these parts."""
    refused_parts: tuple[RefusedPart, ...] = ()
    """What it does not run of that, and why."""
    refused: str | None = None
    """The digest of one that it does not run."""
    reason: str | None = None
    """Why not."""
    is_serving: bool
    """Whether it takes requests."""
    host: str
    port: int
    tls_port: int | None
    envoy_version: str | None
    problem: str | None
    """What else is wrong with it: a certificate that cannot be read."""


class ControlPlaneOfNode(Protocol):
    """The control plane, as a node sees it."""

    def newer(self, seen: str | None) -> Configuration | None:
        """The newest configuration, once it is another one than `seen`; None when none comes in a while.

        Raises:
            Unavailable: it does not answer, or refuses the node.
            Invalid: code `configuration_invalid`.
        """

    def report(self, report: NodeReport) -> None:
        """Say what the node runs.

        Raises:
            Unavailable: as above.
        """

    def count(self, counters: Sequence[BackendCounters], comparisons: Sequence[ComparisonCounters]) -> None:
        """Say what its Envoy has counted since it started, and what the node has compared.

        Raises:
            Unavailable: as above.
        """

    def note_answers(self, answers: Sequence[AnsweredRequest]) -> None:
        """Say which versions answered which requests.

        Raises:
            Unavailable: as above.
        """

    def note_usage(self, report: UsageReport) -> None:
        """Say who called what since the last report. The same report again is counted once.

        Raises:
            Unavailable: as above.
        """


class HttpControlPlane:
    """The same over HTTP."""

    def __init__(self, url: str, *, node: str, key: str) -> None:
        self._report_path = f"{_PREFIX}/nodes/{quote(node, safe='')}"
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {CREDENTIAL_PREFIX}{key}"},
            timeout=httpx.Timeout(_ANSWER_SECONDS, read=WAIT_SECONDS + _ANSWER_SECONDS),
            verify=ssl.create_default_context() if url.startswith("https:") else False,
            trust_env=False,
        )

    def newer(self, seen: str | None) -> Configuration | None:
        """See the port."""
        asked = {"wait_seconds": WAIT_SECONDS} | ({} if seen is None else {"seen": seen})
        answer = self._ask(self._client.build_request("GET", f"{_PREFIX}/configuration", params=asked))
        return Configuration.read(answer.text) if answer.status_code == httpx.codes.OK else None

    def report(self, report: NodeReport) -> None:
        """See the port."""
        self._ask(self._client.build_request("PUT", self._report_path, json=asdict(report)))

    def count(self, counters: Sequence[BackendCounters], comparisons: Sequence[ComparisonCounters]) -> None:
        """See the port."""
        content = {
            "counters": [asdict(each) for each in counters],
            "comparisons": [asdict(each) for each in comparisons],
        }
        self._ask(self._client.build_request("PUT", f"{self._report_path}/counters", json=content))

    def note_usage(self, report: UsageReport) -> None:
        """See the port."""
        self._ask(self._client.build_request("PUT", f"{self._report_path}/usage", json=asdict(report)))

    def note_answers(self, answers: Sequence[AnsweredRequest]) -> None:
        """See the port."""
        content = {"answers": [asdict(each) for each in answers]}
        self._ask(self._client.build_request("POST", f"{self._report_path}/answers", json=content))

    def _ask(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = self._client.send(request)
        except httpx.HTTPError as exc:
            raise _unavailable(f"does not answer: {exc!r}") from exc
        if not answer.is_success:
            raise _unavailable(f"answers {answer.status_code}: {answer.text[:300]}")
        return answer


def _unavailable(what: str) -> Unavailable:
    return Unavailable(f"the control plane {what}", code="control_plane_unavailable")
