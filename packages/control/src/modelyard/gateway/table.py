"""The route table: which request matches, who may send it, where it goes, and what it is limited to. Pure.

Resources of the gateway are compiled to this table, and a translator for each data plane turns it into Envoy's
resources, objects of the Gateway API, or calls of Azure API Management. The table speaks the language of none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

VERSION_HEADER = "modelyard-version"
"""Of a request: the version that shall answer. Of an answer: the one that did."""
PREFIX_HEADER = "x-forwarded-prefix"
"""Of a request: what was taken from its path, for servers that write addresses."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens for HTTP/1.1 and, on another port or the same, for gRPC."""

    host: str
    """An IP address, or a name that the gateway resolves."""
    port: int
    grpc_port: int | None = None
    """None where it speaks no gRPC."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Servers that answer alike: those of one deployment, or of one service URL."""

    name: str
    """Unique in the table; letters, digits, `-` and `_`."""
    endpoints: tuple[Endpoint, ...]
    """None: every request gets 503."""
    path: str = ""
    """Put before the path of each request: `/base`, or nothing."""
    host: str | None = None
    """What `Host` says to it; the caller's own when not given."""
    uses_tls: bool = False
    probes_readiness: bool = True
    """Whether `GET /v2/health/ready` says if an endpoint takes requests, as a model server's does."""
    model_name: str | None = None
    version: int | None = None
    """What it serves, for headers, the access log and metrics; None for a service URL."""


class MatchKind(StrEnum):
    """How a header or a query parameter is compared."""

    EXACT = "exact"
    EXACT_IGNORING_CASE = "exact_ignoring_case"
    PATTERN = "pattern"
    """A regular expression (RE2) that the whole value matches; one that is not given is compared as an empty one."""
    PRESENT = "present"
    ABSENT = "absent"
    REPEATED = "repeated"
    """Given more than once; of a header also as one value with commas, which means the same (RFC 9110, 5.3)."""
    MISSPELLED = "misspelled"
    """Of a query parameter: its name is given in another case, which is another name, or with encoded characters."""


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A condition on one header or one query parameter. Both are compared as they came, not decoded."""

    name: str
    """Of a header in lower case; `:authority` is the host that was asked for."""
    kind: MatchKind
    value: str | None = None
    """Of EXACT, EXACT_IGNORING_CASE and PATTERN."""


@dataclass(frozen=True, slots=True)
class Match:
    """All conditions hold. The path is compared by whole segments: `/a/v1` matches `/a/v1/x` too, not `/a/v10`.

    What is compared is the normal form (RFC 3986, 6.2.2): without dot segments and empty ones, and with unreserved
    characters as they are.
    """

    path: str = "/"
    """As a request line has it, percent-encoded; `/` matches every path."""
    segments: tuple[str, ...] = ()
    """Regular expressions (RE2): the segments after `path` match them as a whole, one each."""
    grpc: bool | None = None
    """Whether the request is gRPC; None: either."""
    methods: frozenset[str] = frozenset()
    """Empty: all."""
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()
    plain_http: bool | None = None
    """Whether the caller came without TLS; None: either."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A share of the requests of a route."""

    backend: str
    weight: int
    """Of the sum of all weights of the route."""


class StickyBy(StrEnum):
    """What a caller is known by."""

    HEADER = "header"
    COOKIE = "cookie"
    CLIENT = "client"
    """The subscription, else the address."""


@dataclass(frozen=True, slots=True)
class Sticky:
    """A caller stays with its destination. Destinations are kept in order, so that one that grows keeps its callers."""

    by: StickyBy
    name: str | None
    """Of the header or the cookie."""
    salt: str
    """So that two experiments divide the same callers independently of one another."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """That the answers of copies are compared with those of another backend."""

    name: str
    """Under which what is found is reported; letters, digits and `-`."""
    against: str
    """The backend."""
    tolerance: float
    """By which numbers may differ, relative to the larger one."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of a share of the requests, whose answer nobody waits for."""

    backend: str
    percent: float
    comparison: Comparison | None = None
    """None: its answers are not compared."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the request on."""

    destinations: tuple[Destination, ...]
    strip: int = 0
    """How many segments are taken from the beginning of the path; what is left begins with `/`."""
    version: int | None = None
    """The version that shall answer, where one is named. `request_headers` say so to the server; one that has another
    refuses, and is asked again: while a deployment's version is replaced, two share its address."""
    sticky: Sticky | None = None
    mirrors: tuple[Mirror, ...] = ()
    timeout_seconds: float | None = None
    """None: a prediction takes as long as it takes."""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    """Set on the request, in place of what the caller sent."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer in place of a server."""

    status: int
    code: str
    """Names the cause: `api_version_unknown`."""
    message: str


@dataclass(frozen=True, slots=True)
class RedirectToHttps:
    """Send the caller to the same host with TLS (308). Where the gateway has none, the request is refused."""


Action = Forward | Respond | RedirectToHttps


@dataclass(frozen=True, slots=True)
class Access:
    """Who may send a request."""

    needs_subscription: bool = False
    """Whether it needs a valid key, or token of an accepted issuer, whose scope names the API."""
    header_name: str = "Ocp-Apim-Subscription-Key"
    """Where a key is looked for; one in the header counts before one in the query."""
    query_name: str = "subscription-key"


OPEN = Access()


@dataclass(frozen=True, slots=True)
class RoutePart:
    """Routes that a data plane may refuse, or take, without those of other parts."""

    name: str | None
    """`default/paths/ml-model`, `acme/models/churn`; None of the gateway's own."""
    rank: tuple[int | str, ...]
    """Where they stand among the others: parts are sorted by it."""


OWN_PART = RoutePart(None, ())


@dataclass(frozen=True, slots=True)
class Route:
    """One rule. Of a table's routes the first that matches holds."""

    name: str
    """Unique in the table; the access log and metrics have it."""
    tenant_id: str
    match: Match
    action: Action
    api_id: str | None = None
    """None of a stable address of a model."""
    model_name: str | None = None
    """Whose stable address it is; None of an API. A subscription is scoped to the one or the other."""
    access: Access = OPEN
    response_headers: Mapping[str, str] = field(default_factory=dict)
    """Set on every answer of this route, also on those that the gateway itself gives; `Vary` and `Link` stand beside
    those of the server."""
    reason: str = ""
    """In one sentence, why this rule is there: `modelyard explain` shows it."""
    part: RoutePart = OWN_PART


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Everything that a gateway routes by."""

    routes: tuple[Route, ...]
    backends: Mapping[str, Backend]
