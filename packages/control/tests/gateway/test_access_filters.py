"""Keys, tokens and limits in a real Envoy."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from echo_server import EchoServer
from gateway_nodes import RunningNode, configuration, weighted
from oidc_issuer import Issuer
from ports import find_free_port

from modelyard.envoy.resources import typed
from modelyard.gateway.envoy.access_filters import access_filters, access_metadata
from modelyard.gateway.table import Access, Destination, Forward, Match, Route, Sticky, StickyBy
from modelyard.gateway_node import Configuration
from modelyard.gateway_node.filters import KEYS
from modelyard.subscriptions.access_table import (
    AccessTable,
    ExhaustedQuota,
    LimitScope,
    RateLimit,
    Subscriber,
    TokenClient,
    TokenIssuer,
    api_scope,
    model_scope,
    product_key,
    tenant_scope,
)
from modelyard.subscriptions.keys import key_digest, new_key

HEADER, QUERY = "Ocp-Apim-Subscription-Key", "subscription-key"
MINUTE = timedelta(seconds=60)
TENANT = "default"
NEEDED = Access(needs_subscription=True)
Headers = Sequence[tuple[str, str]]
Until = Callable[..., None]


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def subscriber(name: str, *scopes: str, **fields: Any) -> Subscriber:
    return Subscriber(name, frozenset(scopes), (digest(f"{name}-one"), digest(f"{name}-two")), **fields)


def rule(path: str, access: Access = NEEDED, **fields: Any) -> dict[str, Any]:
    """A route of an API with the name of its path, as the translator makes it."""
    said = {"tenant_id": TENANT, "api_id": path[1:], "action": Forward((Destination("echo", 1),)), **fields}
    made = Route(name=path, match=Match(path=path), access=access, **said)
    return {
        "name": path,
        "match": {"path_separated_prefix": path},
        "route": weighted({"echo": 1}),
        "metadata": {"filter_metadata": {**access_metadata(made), "modelyard": _said(made)}},
    }


def _said(made: Route) -> dict[str, str]:
    """What the access log shows of a route."""
    named = {"api": made.api_id, "model": made.model_name}
    return {"tenant": made.tenant_id, **{name: value for name, value in named.items() if value is not None}}


RULES = [
    rule("/a"),
    rule("/b"),
    rule("/churn", api_id=None, model_name="churn"),
    rule("/renamed", Access(needs_subscription=True, header_name="X-Key", query_name="key")),
    rule("/open", Access(needs_subscription=False)),
    rule("/open-renamed", Access(needs_subscription=False, header_name="X-Key", query_name="key")),
    rule("/product-open"),
    rule("/other", tenant_id="other"),
    rule("/sticky", action=Forward((Destination("echo", 1),), sticky=Sticky(StickyBy.CLIENT, None, "salt"))),
    rule("/dry"),
    rule("/limited", Access(needs_subscription=False)),
    {"name": "/bare", "match": {"path_separated_prefix": "/bare"}, "route": weighted({"echo": 1})},
]


@dataclass(frozen=True)
class Gateway:
    """A node with these rules over one server."""

    node: RunningNode
    echo: EchoServer

    def admit(self, table: AccessTable, filters: dict[str, Any] | None = None) -> Configuration:
        """Put a table in force."""
        wanted = configuration({"echo": [self.echo.port]}, RULES, {**access_filters(table), **(filters or {})})
        report = self.node.publish(wanted)
        assert report.running == wanted.digest, report.reason
        return wanted

    def get(self, target: str, headers: Headers = ()) -> httpx.Response:
        """One request, whose target is sent as it is."""
        request = httpx.Request("GET", self.node.url, headers=list(headers), extensions={"target": target.encode()})
        with httpx.Client() as client:
            return client.send(request)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with EchoServer() as echo, RunningNode(folder, find_free_port()) as node:
        yield Gateway(node, echo)


@pytest.fixture(scope="module")
def keys(gateway: Gateway) -> Gateway:
    """The gateway with subscriptions of each kind."""
    gateway.admit(
        AccessTable(
            subscribers=(
                subscriber("sub-a", api_scope(TENANT, "a"), api_scope(TENANT, "renamed"), api_scope(TENANT, "sticky")),
                subscriber("sub-all", tenant_scope(TENANT)),
                subscriber("sub-churn", model_scope(TENANT, "churn")),
                subscriber("sub-old", tenant_scope(TENANT), expires_at=datetime.now(UTC) - timedelta(seconds=1)),
                subscriber("sub-other", tenant_scope("other")),
            ),
            open_scopes=frozenset({api_scope(TENANT, "product-open")}),
        )
    )
    return gateway


def with_key(key: str) -> Headers:
    return [(HEADER, key)]


def reached(answer: httpx.Response) -> dict[str, Any]:
    """What reached the server."""
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def caller(answer: httpx.Response) -> str | None:
    """The subscription that the server was shown."""
    return next((value for name, value in reached(answer)["headers"] if name == "modelyard-subscription"), None)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    content = answer.json()
    assert set(content) == {"error", "code", "request_id"}
    assert content["request_id"]
    return answer.status_code, content["code"]


class TestKeys:
    @pytest.mark.parametrize("key", ["sub-a-one", "sub-a-two"])
    def test_either_key_is_taken_from_the_header_or_the_query_and_neither_reaches_the_server(
        self, keys: Gateway, key: str
    ) -> None:
        for answer in (keys.get("/a/x?b=1", with_key(key)), keys.get(f"/a/x?{QUERY}={key}&b=1")):
            assert caller(answer) == "sub-a"
            assert reached(answer)["path"] == "/a/x?b=1"
            assert key not in answer.text

    @pytest.mark.parametrize(
        ("sent", "left"),
        [
            ("?b=1&{key}&a=%20z&&c", "?b=1&a=%20z&&c"),
            ("?{key}", ""),
            ("?z=2&z=1&{key}", "?z=2&z=1"),
            ("?x=a%26subscription-key%3D1&{key}", "?x=a%26subscription-key%3D1"),
            ("?my-subscription-key=1&{key}&Subscription-Key=2", "?my-subscription-key=1&Subscription-Key=2"),
        ],
    )
    @pytest.mark.parametrize("name", [QUERY, "subscription%2Dkey", "%73ubscription-ke%79"])
    def test_only_the_key_is_taken_out_of_a_query_however_its_name_is_encoded(
        self, keys: Gateway, name: str, sent: str, left: str
    ) -> None:
        target = "/a/x" + sent.format(key=f"{name}=sub%2Da-one")
        assert reached(keys.get(target))["path"] == "/a/x" + left

    def test_a_key_in_the_header_counts_before_one_in_the_query(self, keys: Gateway) -> None:
        assert caller(keys.get(f"/a?{QUERY}=nonsense", with_key("sub-a-one"))) == "sub-a"
        assert refusal(keys.get(f"/a?{QUERY}=sub-a-one", with_key("nonsense"))) == (401, "key_invalid")

    def test_a_key_given_twice_is_refused(self, keys: Gateway) -> None:
        twice = [(HEADER, "sub-a-one"), (HEADER, "sub-a-one")]
        assert refusal(keys.get("/a", twice)) == (401, "key_given_twice")
        target = f"/a?{QUERY}=sub-a-one&subscription%2Dkey=sub-a-one"
        assert refusal(keys.get(target)) == (401, "key_given_twice")

    @pytest.mark.parametrize("key", ["nonsense", "x" * 20_000, digest("sub-a-one"), "sub-a-one, sub-a-one"])
    def test_a_wrong_key_is_refused_with_a_challenge(self, keys: Gateway, key: str) -> None:
        answer = keys.get("/a", with_key(key))
        assert refusal(answer) == (401, "key_invalid")
        assert (
            answer.headers["www-authenticate"]
            == f'ApiKey realm="modelyard", header="{HEADER.lower()}", query="{QUERY}"'
        )

    @pytest.mark.parametrize("headers", [[], [(HEADER, "")]])
    def test_a_missing_key_is_said_with_where_it_belongs(self, keys: Gateway, headers: Headers) -> None:
        answer = keys.get("/renamed", headers)
        assert refusal(answer) == (401, "key_missing")
        assert answer.json()["error"] == (
            "a subscription key is missing: expected it in the header 'x-key' or the query parameter 'key'"
        )

    def test_an_api_names_header_and_parameter_itself(self, keys: Gateway) -> None:
        assert caller(keys.get("/renamed", [("x-key", "sub-a-one")])) == "sub-a"
        assert caller(keys.get("/renamed?key=sub-a-one")) == "sub-a"
        assert refusal(keys.get("/renamed", with_key("sub-a-one"))) == (401, "key_missing")

    def test_a_key_in_the_places_that_an_api_has_renamed_does_not_reach_its_server(self, keys: Gateway) -> None:
        others = [(HEADER, "of-the-server"), *with_key("sub-all-two")]
        for headers in (with_key("sub-all-one"), others):
            answer = keys.get(f"/open-renamed?b=1&subscription%2Dkey=sub-all-one&c={'x' * 10}", headers)
            assert caller(answer) is None
            assert reached(answer)["path"] == "/open-renamed?b=1&c=xxxxxxxxxx"
            assert "sub-all" not in answer.text

    def test_what_is_no_key_of_ours_reaches_the_server_there(self, keys: Gateway) -> None:
        answer = keys.get(f"/open-renamed?{QUERY}=theirs", [*with_key("of-the-server"), ("x-key", "sub-all-one")])
        assert caller(answer) == "sub-all"
        assert reached(answer)["path"] == f"/open-renamed?{QUERY}=theirs"
        assert [HEADER.lower(), "of-the-server"] in reached(answer)["headers"]

    def test_a_subscription_opens_what_it_is_scoped_to_and_nothing_else(self, keys: Gateway) -> None:
        assert caller(keys.get("/b", with_key("sub-all-one"))) == "sub-all"
        assert caller(keys.get("/churn/predict", with_key("sub-churn-one"))) == "sub-churn"
        assert refusal(keys.get("/b", with_key("sub-a-one"))) == (403, "subscription_out_of_scope")
        assert refusal(keys.get("/a", with_key("sub-churn-one"))) == (403, "subscription_out_of_scope")

    def test_a_subscription_of_another_tenant_opens_nothing_here(self, keys: Gateway) -> None:
        assert caller(keys.get("/other", with_key("sub-other-one"))) == "sub-other"
        assert refusal(keys.get("/a", with_key("sub-other-one"))) == (403, "subscription_out_of_scope")
        assert refusal(keys.get("/other", with_key("sub-all-one"))) == (403, "subscription_out_of_scope")

    def test_a_subscription_expires_by_the_clock(self, keys: Gateway) -> None:
        assert refusal(keys.get("/a", with_key("sub-old-one"))) == (401, "subscription_expired")

    @pytest.mark.parametrize("path", ["/open", "/product-open"])
    def test_what_is_open_is_called_without_a_key_and_knows_who_gives_one(self, keys: Gateway, path: str) -> None:
        assert caller(keys.get(path)) is None
        assert caller(keys.get(path, with_key("sub-all-one"))) == "sub-all"
        answer = keys.get(f"{path}?{QUERY}=nonsense")
        assert caller(answer) is None
        assert reached(answer)["path"] == path

    def test_nobody_says_who_they_are_by_themselves(self, keys: Gateway) -> None:
        spoofed = [("modelyard-subscription", "sub-all"), ("Modelyard-Subscription", "sub-all")]
        assert caller(keys.get("/open", spoofed)) is None
        assert caller(keys.get("/a", [*spoofed, *with_key("sub-a-one")])) == "sub-a"
        mixed = ("modelyard_subscription", "Modelyard_Shadow", "x-forwarded_prefix", "X_Forwarded_Prefix", "my_own")
        names = {name for name, _ in reached(keys.get("/open", [(name, "sub-all") for name in mixed]))["headers"]}
        assert {name for name in names if "_" in name} == {"my_own"}

    def test_a_route_that_goes_by_the_client_is_chosen_anew_when_it_is_known(self, keys: Gateway) -> None:
        assert caller(keys.get("/sticky", with_key("sub-a-one"))) == "sub-a"

    def test_a_call_of_grpc_gets_a_status(self, keys: Gateway) -> None:
        grpc = ("content-type", "application/grpc")
        wrong = keys.get("/a", [grpc, *with_key("nonsense")])
        assert (wrong.headers["grpc-status"], wrong.headers["grpc-message"]) == (
            "16",
            "the subscription key is not valid",
        )
        assert keys.get("/b", [grpc, *with_key("sub-a-one")]).headers["grpc-status"] == "7"


class TestFailingClosed:
    def test_a_route_without_an_access_rule_is_not_served(self, keys: Gateway) -> None:
        assert refusal(keys.get("/bare", with_key("sub-all-one"))) == (500, "access_undecided")

    def test_a_filter_that_lets_everything_through_opens_nothing(self, gateway: Gateway, keys: Gateway) -> None:
        before = gateway.node.control_plane._newest
        idle = typed(KEYS.message, **KEYS.idle)
        try:
            gateway.admit(AccessTable(), {KEYS.name: idle})
            assert gateway.get("/a", with_key("sub-all-one")).status_code == 403
            assert gateway.get("/open").status_code == 200
        finally:
            assert before is not None
            gateway.node.publish(before)

    def test_a_script_that_cannot_be_read_is_refused_and_the_former_one_stays(self, keys: Gateway) -> None:
        before = keys.node.control_plane._newest
        assert before is not None
        broken = typed(KEYS.message, default_source_code={"inline_string": "this is no Lua"})
        report = keys.node.publish(replace(before, filters={**before.filters, KEYS.name: broken}))
        assert report.running == before.digest
        assert caller(keys.get("/a", with_key("sub-a-one"))) == "sub-a"
        keys.node.publish(before)


def issuer_of(issuer: Issuer, tenant: str = TENANT, **fields: Any) -> TokenIssuer:
    return TokenIssuer(
        **{
            "name": f"{tenant}.main",
            "tenant_id": tenant,
            "issuer": issuer.url,
            "audiences": ("modelyard",),
            "jwks": httpx.get(f"{issuer.url}/keys").text,
            "client_claim": "sub",
            **fields,
        }
    )


def bearer(token: str) -> Headers:
    return [("Authorization", f"Bearer {token}")]


class TestTokens:
    @pytest.fixture(scope="class")
    @classmethod
    def issuer(cls) -> Iterator[Issuer]:
        with Issuer() as issuer:
            issuer.add_key("one")
            yield issuer

    @pytest.fixture(scope="class")
    @classmethod
    def tokens(cls, gateway: Gateway, issuer: Issuer) -> Gateway:
        """Two tenants trust one issuer; one of them asks for a claim."""
        gateway.admit(
            AccessTable(
                subscribers=(
                    subscriber("sub-a", api_scope(TENANT, "a"), client=TokenClient("default.main", "anna")),
                    subscriber("sub-o", tenant_scope("other"), client=TokenClient("other.main", "anna")),
                    subscriber("sub-odd", tenant_scope(TENANT), client=TokenClient("default.main", "Ünal | & =]] x")),
                ),
                issuers=(
                    issuer_of(issuer, required_claims=(("scope", "predict"),)),
                    issuer_of(issuer, "other"),
                ),
            )
        )
        return gateway

    def test_a_token_stands_for_the_subscription_that_names_its_client_and_does_not_reach_the_server(
        self, tokens: Gateway, issuer: Issuer
    ) -> None:
        token = issuer.token(scope="read predict")
        answer = tokens.get("/a", bearer(token))
        assert caller(answer) == "sub-a"
        assert token not in answer.text
        assert caller(tokens.get("/other", bearer(token))) == "sub-o"
        assert caller(tokens.get("/b", bearer(issuer.token(sub="Ünal | & =]] x", scope=["predict"])))) == "sub-odd"

    @pytest.mark.parametrize(("path", "who"), [("/a", "sub-a"), ("/open", None)])
    def test_beside_a_key_it_does_not_count_and_does_not_reach_the_server(
        self, tokens: Gateway, issuer: Issuer, path: str, who: str | None
    ) -> None:
        token = issuer.token(sub="Ünal | & =]] x", scope="predict")
        for given in (with_key("sub-a-one"), [*with_key("sub-a-one"), *with_key("sub-a-one")]):
            answer = tokens.get(path, [*given, *bearer(token)])
            assert token not in answer.text
        assert caller(tokens.get(path, [*with_key("sub-a-one"), *bearer(token)])) == who

    def test_what_the_gateway_does_not_know_beside_a_key_is_the_servers(self, tokens: Gateway) -> None:
        sent = reached(tokens.get("/a", [*with_key("sub-a-one"), *bearer("of-the-backend")]))["headers"]
        assert ["authorization", "Bearer of-the-backend"] in sent

    def test_a_token_opens_no_more_than_its_subscription(self, tokens: Gateway, issuer: Issuer) -> None:
        token = issuer.token(scope="predict")
        assert refusal(tokens.get("/b", bearer(token))) == (403, "subscription_out_of_scope")

    @pytest.mark.parametrize(
        "claims",
        [
            {"scope": "predicting"},
            {"scope": None},
            {"scope": "predict", "sub": "berta"},
            {"scope": "predict", "aud": "another"},
            {"scope": "predict", "iss": "https://elsewhere.example.com"},
            {"scope": "predict", "exp": 1_000_000},
            {"scope": "predict", "exp": None},
            {"scope": "predict", "nbf": 4_000_000_000},
        ],
    )
    def test_a_token_with_a_wrong_claim_is_refused(
        self, tokens: Gateway, issuer: Issuer, claims: dict[str, Any]
    ) -> None:
        answer = tokens.get("/a", bearer(issuer.token(**claims)))
        assert refusal(answer) == (401, "token_invalid")
        assert answer.headers["www-authenticate"].endswith(', Bearer realm="modelyard"')

    def test_a_token_that_is_signed_with_the_public_key_or_not_at_all_is_refused(
        self, tokens: Gateway, issuer: Issuer
    ) -> None:
        for forged in (_signed(issuer, "HS256", issuer.public_key()), _signed(issuer, "none", b"")):
            assert refusal(tokens.get("/a", bearer(forged))) == (401, "token_invalid")

    def test_a_token_in_the_query_is_none(self, tokens: Gateway, issuer: Issuer) -> None:
        token = issuer.token(scope="predict")
        assert refusal(tokens.get(f"/a?access_token={token}")) == (401, "key_missing")

    def test_what_is_no_token_is_refused_where_one_is_needed_and_passes_elsewhere(self, tokens: Gateway) -> None:
        assert refusal(tokens.get("/a", bearer("nonsense"))) == (401, "token_invalid")
        sent = reached(tokens.get("/open", bearer("of-the-backend")))["headers"]
        assert ["authorization", "Bearer of-the-backend"] in sent


def _signed(issuer: Issuer, algorithm: str, key: bytes) -> str:
    now = int(time.time())
    claims = {"iss": issuer.url, "aud": "modelyard", "sub": "anna", "scope": "predict", "exp": now + 60}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": algorithm, "kid": "one", "typ": "JWT"}, claims)
    ]
    signature = hmac.new(key, b".".join(parts), hashlib.sha256).digest() if key else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


class TestLimits:
    @pytest.fixture(scope="class")
    @classmethod
    def table(cls) -> AccessTable:
        return AccessTable(
            subscribers=(
                subscriber("sub-own", tenant_scope(TENANT)),
                subscriber("sub-p1", api_scope(TENANT, "a"), product=product_key(TENANT, "gold")),
                subscriber("sub-p2", api_scope(TENANT, "a"), product=product_key(TENANT, "gold")),
                subscriber("sub-free", tenant_scope(TENANT)),
                subscriber("sub-empty", tenant_scope(TENANT)),
            ),
            rate_limits=(
                RateLimit(LimitScope.SUBSCRIPTION, "sub-own", 3, MINUTE),
                RateLimit(LimitScope.PRODUCT, product_key(TENANT, "gold"), 2, MINUTE),
                RateLimit(LimitScope.API, api_scope(TENANT, "limited"), 1, MINUTE),
                RateLimit(LimitScope.API, api_scope(TENANT, "dry"), 1, MINUTE, is_enforced=False),
            ),
            exhausted=(
                ExhaustedQuota(
                    LimitScope.SUBSCRIPTION, "sub-empty", "sub-empty", datetime.now(UTC) + timedelta(hours=1)
                ),
                ExhaustedQuota(
                    LimitScope.API, api_scope(TENANT, "b"), "sub-free", datetime.now(UTC) + timedelta(hours=1)
                ),
                ExhaustedQuota(
                    LimitScope.API, api_scope(TENANT, "a"), "sub-free", datetime.now(UTC) - timedelta(hours=1)
                ),
            ),
        )

    @pytest.fixture(scope="class")
    @classmethod
    def limits(cls, gateway: Gateway, table: AccessTable) -> Gateway:
        gateway.admit(table)
        return gateway

    def test_what_is_left_is_shown_and_what_is_over_is_refused_until_when(
        self, limits: Gateway, table: AccessTable
    ) -> None:
        left = [limits.get("/a", with_key("sub-own-one")).headers["ratelimit-remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        answer = limits.get("/a", with_key("sub-own-two"))
        assert refusal(answer) == (429, "rate_limit_exceeded")
        assert answer.headers["ratelimit-limit"] == "3"
        assert 0 < int(answer.headers["retry-after"]) <= 20
        assert answer.headers["retry-after"] == answer.headers["ratelimit-reset"]
        assert not [name for name in answer.headers if name.startswith(("x-ratelimit", "modelyard-limited"))]
        # A push of other keys leaves the counters as they are.
        more = (*table.subscribers, subscriber("sub-new", tenant_scope(TENANT)))
        limits.admit(replace(table, subscribers=more))
        assert caller(limits.get("/a", with_key("sub-new-one"))) == "sub-new"
        assert refusal(limits.get("/a", with_key("sub-own-one"))) == (429, "rate_limit_exceeded")
        grpc = limits.get("/a", [("content-type", "application/grpc"), *with_key("sub-own-one")])
        assert (grpc.headers["grpc-status"], int(grpc.headers["retry-after"]) > 0) == ("8", True)

    def test_each_subscription_to_a_product_has_its_own_share(self, limits: Gateway) -> None:
        statuses = [limits.get("/a", with_key(f"{each}-one")).status_code for each in ("sub-p1",) * 3 + ("sub-p2",) * 3]
        assert statuses == [200, 200, 429, 200, 200, 429]

    def test_those_without_a_subscription_share_the_limit_of_an_open_api(self, limits: Gateway) -> None:
        assert [limits.get("/limited").status_code for _ in range(2)] == [200, 429]
        assert limits.get("/limited", with_key("sub-free-one")).status_code == 200

    def test_a_limit_that_is_not_enforced_marks_what_it_would_refuse(self, limits: Gateway) -> None:
        answers = [limits.get("/dry", with_key("sub-free-one")) for _ in range(2)]
        marked = [["modelyard-over-limit", "rate"] in reached(answer)["headers"] for answer in answers]
        assert marked == [False, True]
        assert "ratelimit-limit" not in answers[1].headers

    def test_a_quota_that_is_used_up_is_refused_until_it_begins_anew(self, limits: Gateway) -> None:
        answer = limits.get("/a", with_key("sub-empty-one"))
        assert refusal(answer) == (429, "quota_exceeded")
        assert 3500 < int(answer.headers["retry-after"]) <= 3600
        assert refusal(limits.get("/b", with_key("sub-free-one"))) == (429, "quota_exceeded")
        assert caller(limits.get("/a", with_key("sub-free-one"))) == "sub-free"
        grpc = limits.get("/a", [("content-type", "application/grpc"), *with_key("sub-empty-one")])
        assert grpc.headers["grpc-status"] == "8"

    def test_several_gateways_share_a_limit_rounded_up(self, table: AccessTable) -> None:
        (rates,) = [found for name, found in access_filters(table, gateways=2).items() if name == "modelyard.rates"]
        assert [each["token_bucket"]["max_tokens"] for each in rates["descriptors"]] == [2, 1, 1]


def test_ten_thousand_keys_are_known(gateway: Gateway) -> None:
    many = tuple(subscriber(f"sub-{number}", tenant_scope(TENANT)) for number in range(5000))
    gateway.admit(AccessTable(subscribers=many))
    assert caller(gateway.get("/a", with_key("sub-4999-two"))) == "sub-4999"
    assert caller(gateway.get("/a", with_key("sub-0-one"))) == "sub-0"


class TestUsage:
    def test_a_node_reports_who_called_what_and_what_was_refused(self, gateway: Gateway, until: Until) -> None:
        gateway.admit(
            AccessTable(
                subscribers=(subscriber("sub-counted", tenant_scope(TENANT)),),
                rate_limits=(
                    RateLimit(LimitScope.API, api_scope(TENANT, "b"), 1, MINUTE),
                    RateLimit(LimitScope.API, api_scope(TENANT, "dry"), 1, MINUTE, is_enforced=False),
                ),
            )
        )
        for path in ("/a", "/a", "/b", "/b", "/dry", "/dry", "/churn"):
            gateway.get(path, with_key("sub-counted-one"))
        gateway.get("/a", with_key("nonsense"))

        def counts() -> dict[str, tuple[int, int, int]]:
            found: dict[str, tuple[int, int, int]] = {}
            for report in gateway.node.control_plane.usage:
                for row in report.rows:
                    if row.subscription_id == "sub-counted":
                        before = found.get(row.scope, (0, 0, 0))
                        now = (row.calls, row.refused, row.over_limit)
                        found[row.scope] = (before[0] + now[0], before[1] + now[1], before[2] + now[2])
            return found

        expected = {"api:a": (2, 0, 0), "api:b": (1, 1, 0), "api:dry": (2, 0, 1), "model:churn": (1, 0, 0)}
        until(lambda: counts() == expected)


class TestSecrecy:
    def test_keys_and_tokens_are_in_no_file_no_dump_no_metric_and_no_answer(
        self, gateway: Gateway, until: Until
    ) -> None:
        keys = {name: new_key() for name in ("good", "second", "wrong", "narrow")}
        with Issuer() as issuer:
            issuer.add_key("one")
            gateway.admit(
                AccessTable(
                    subscribers=(
                        Subscriber(
                            "sub-s",
                            frozenset({tenant_scope(TENANT)}),
                            (key_digest(keys["good"]), key_digest(keys["second"])),
                            client=TokenClient("default.main", "anna"),
                        ),
                        Subscriber("sub-n", frozenset({api_scope(TENANT, "b")}), (key_digest(keys["narrow"]),)),
                    ),
                    issuers=(issuer_of(issuer),),
                )
            )
            tokens = {"good": issuer.token(), "old": issuer.token(exp=1_000_000)}
        grpc = ("content-type", "application/grpc")
        answers = []
        for path in ("/a", "/open", "/product-open", "/bare", "/nothing"):
            for key in keys.values():
                answers += [
                    gateway.get(path, with_key(key)),
                    gateway.get(path, [grpc, *with_key(key)]),
                    gateway.get(path, [*with_key(key), *with_key(key)]),
                    gateway.get(path, [("X-Request-Id", "same"), *with_key(key)]),
                    gateway.get(f"{path}?{QUERY}={key}&x=1"),
                    gateway.get(f"{path}?x=1&subscription%2Dkey={key}"),
                    gateway.get(f"{path}?{QUERY}={key}&{QUERY}={key}"),
                    gateway.get(f"{path}?{QUERY}={key}", with_key(key)),
                ]
            answers += [gateway.get(path, bearer(token)) for token in tokens.values() if path != "/open"]
            answers += [gateway.get(path, [*with_key(key), *bearer(tokens["good"])]) for key in keys.values()]
        assert {200, 401, 403, 500} == {answer.status_code for answer in answers}
        log = gateway.node.folder.access_log
        until(lambda: "/nothing" in log.read_text())
        admin = gateway.node.envoy.admin
        places = {
            **{str(file): file.read_text() for file in gateway.node.folder.root.rglob("*") if file.is_file()},
            **{path: admin._request("GET", path).decode() for path in ("/config_dump", "/stats", "/clusters")},
            "answers": "".join(f"{answer.headers}{answer.text}" for answer in answers),
            "reports": f"{gateway.node.control_plane.reports}{gateway.node.control_plane.usage}",
        }
        secrets = [*keys.values(), *tokens.values(), *(token.rsplit(".", 1)[1] for token in tokens.values())]
        leaks = [place for place, text in places.items() for secret in secrets if secret in text]
        assert leaks == []
