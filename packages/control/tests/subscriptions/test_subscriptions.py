"""Products, subscriptions, issuers, limits and usage."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from statements import statements
from subscription_parts import Parts

from modelyard.adapters.clock.manual import ManualClock
from modelyard.audit.service import lock_chain
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound, Precondition
from modelyard.principals import Principal
from modelyard.subscriptions.access_table import LimitScope, api_scope, model_scope, product_key, tenant_scope
from modelyard.subscriptions.domain import Client, KeyName, Scope, ScopeKind, Subscription, scope_of
from modelyard.subscriptions.jwks import public_keys
from modelyard.subscriptions.keys import is_key, key_digest, new_key
from modelyard.subscriptions.limits import (
    UNLIMITED,
    Limits,
    Quota,
    QuotaPeriod,
    Rate,
    period_end,
    period_start,
)
from modelyard.subscriptions.states import SubscriptionStatus
from modelyard.subscriptions.usage_rows import UsageRow

EVERYTHING = Scope(ScopeKind.ALL)
GOLD = Scope(ScopeKind.PRODUCT, "gold")


def subscribe(
    parts: Parts, principal: Principal, scope: Scope = EVERYTHING, **fields: Any
) -> tuple[Subscription, dict[KeyName, str]]:
    wanted = {"display_name": "Shop", "expires_at": None, "client": None, "limits": UNLIMITED, **fields}
    return parts.subscriptions.create(principal, scope=scope, **wanted)


def make_gold(parts: Parts, principal: Principal, **fields: Any) -> None:
    wanted = {"display_name": "Gold", "description": "", "is_open": False, "limits": UNLIMITED, **fields}
    parts.products.create(principal, **{"product_id": "gold", "api_ids": ["churn"], **wanted})


def rsa_jwk(bits: int = 2048, *, is_private: bool = False, **fields: str) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    content: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key if is_private else key.public_key()))
    content.pop("key_ops", None)
    return content | fields


def trust(parts: Parts, principal: Principal, **fields: Any) -> None:
    wanted = {
        "issuer": "https://login.example.com/",
        "audiences": ["modelyard"],
        "jwks": {"keys": [rsa_jwk(kid="one")]},
        "jwks_url": None,
        "client_claim": "azp",
        "required_claims": {"scp": "predict"},
        "revision": None,
        **fields,
    }
    parts.issuers.put(principal, "entra", **wanted)


class TestKeys:
    def test_a_key_has_a_form_and_a_checksum_that_a_scanner_finds_it_by(self) -> None:
        keys = {new_key() for _ in range(50)}
        assert len(keys) == 50
        assert all(is_key(key) and key.startswith("mgk_") and len(key) == 53 for key in keys)
        key = keys.pop()
        changed = key[:10] + ("a" if key[10] != "a" else "b") + key[11:]
        assert not any(is_key(each) for each in (changed, key[:-1], key + "0", "my_" + key[4:]))

    def test_only_hashes_of_keys_are_stored(self, parts: Parts, admin: Principal, database: Database) -> None:
        made, keys = subscribe(parts, admin)
        again, third = parts.subscriptions.regenerate(admin, made.subscription_id, KeyName.SECONDARY)
        assert (again.primary_digest, again.secondary_digest) == (
            key_digest(keys[KeyName.PRIMARY]),
            key_digest(third),
        )
        with database.read() as connection:
            stored = [
                str(row)
                for table in ("gateway_subscriptions", "audit_entries")
                for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
            ]
        assert not [key for key in (*keys.values(), third) if key in "".join(stored)]

    def test_one_key_is_replaced_while_the_other_stays(self, parts: Parts, admin: Principal) -> None:
        made, _ = subscribe(parts, admin)
        after, _ = parts.subscriptions.regenerate(admin, made.subscription_id, KeyName.PRIMARY)
        assert after.primary_digest != made.primary_digest
        assert after.secondary_digest == made.secondary_digest
        (subscriber,) = parts.tables.table().subscribers
        assert subscriber.digests == (after.primary_digest, made.secondary_digest)


class TestLives:
    def test_a_subscription_is_suspended_activated_and_cancelled_for_good(self, parts: Parts, admin: Principal) -> None:
        made, _ = subscribe(parts, admin)

        def move(status: SubscriptionStatus) -> int:
            parts.subscriptions.move(admin, made.subscription_id, status)
            return len(parts.tables.table().subscribers)

        assert [move(each) for each in (SubscriptionStatus.SUSPENDED, SubscriptionStatus.ACTIVE)] == [0, 1]
        assert move(SubscriptionStatus.ACTIVE) == 1
        assert move(SubscriptionStatus.CANCELLED) == 0
        with pytest.raises(Conflict, match="a subscription that is cancelled cannot become active"):
            move(SubscriptionStatus.ACTIVE)
        with pytest.raises(Conflict, match="cancelled cannot be changed"):
            parts.subscriptions.regenerate(admin, made.subscription_id, KeyName.PRIMARY)
        assert [each.action for each in parts.audit.entries("default", subject=made.subject)] == [
            "subscription.created",
            "subscription.suspended",
            "subscription.activated",
            "subscription.cancelled",
        ]

    def test_it_expires_by_the_clock_and_is_given_more_time(
        self, parts: Parts, admin: Principal, clock: ManualClock
    ) -> None:
        until = clock.now() + timedelta(days=1)
        made, _ = subscribe(parts, admin, expires_at=until)
        assert made.status_at(until - timedelta(seconds=1)) is SubscriptionStatus.ACTIVE
        assert made.status_at(until) is SubscriptionStatus.EXPIRED
        (subscriber,) = parts.tables.table().subscribers
        assert subscriber.expires_at == until
        later = parts.subscriptions.change(
            admin, made.subscription_id, revision=made.revision, expires_at=until + timedelta(days=1)
        )
        assert later.status_at(until) is SubscriptionStatus.ACTIVE
        with pytest.raises(Precondition):
            parts.subscriptions.change(admin, made.subscription_id, revision=made.revision, display_name="Other")
        with pytest.raises(Invalid, match="expires_at: expected a moment to come"):
            subscribe(parts, admin, expires_at=clock.now())

    def test_another_tenant_does_not_see_it(self, parts: Parts, admin: Principal, stranger: Principal) -> None:
        made, _ = subscribe(parts, admin)
        with pytest.raises(NotFound):
            parts.subscriptions.get(stranger, made.subscription_id)
        with pytest.raises(NotFound):
            parts.subscriptions.move(stranger, made.subscription_id, SubscriptionStatus.CANCELLED)
        assert list(parts.subscriptions.page(stranger, limit=10, cursor=None).items) == []


class TestScopes:
    def test_each_kind_opens_what_it_names(self, parts: Parts, admin: Principal) -> None:
        make_gold(parts, admin, api_ids=["churn", "risk"])
        wanted = {
            GOLD: {api_scope("default", "churn"), api_scope("default", "risk")},
            Scope(ScopeKind.API, "churn"): {api_scope("default", "churn")},
            Scope(ScopeKind.MODEL, "iris"): {model_scope("default", "iris")},
            EVERYTHING: {tenant_scope("default")},
        }
        made = {subscribe(parts, admin, scope)[0].subscription_id: opened for scope, opened in wanted.items()}
        table = parts.tables.table()
        assert {each.subscription_id: each.scopes for each in table.subscribers} == made

    @pytest.mark.parametrize(
        ("scope", "code"),
        [
            (GOLD, "product_unknown"),
            (Scope(ScopeKind.API, "nosuch"), "api_unknown"),
            (Scope(ScopeKind.MODEL, "nosuch"), "model_unknown"),
        ],
    )
    def test_what_there_is_not_cannot_be_subscribed_to(
        self, parts: Parts, admin: Principal, scope: Scope, code: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            subscribe(parts, admin, scope)
        assert (refused.value.code, refused.value.field) == (code, "scope.name")

    def test_only_everything_has_no_name(self) -> None:
        for kind, name in ((ScopeKind.ALL, "x"), (ScopeKind.API, None)):
            with pytest.raises(Invalid, match=r"scope\.name"):
                scope_of(kind, name)


class TestProducts:
    def test_its_apis_change_for_everybody_who_is_subscribed(self, parts: Parts, admin: Principal) -> None:
        make_gold(parts, admin)
        subscribe(parts, admin, GOLD)
        before = parts.tables.fingerprint()
        parts.products.change(admin, "gold", revision=1, api_ids=["risk"], is_open=True)
        assert parts.tables.fingerprint() != before
        table = parts.tables.table()
        assert table.subscribers[0].scopes == table.open_scopes == {api_scope("default", "risk")}

    def test_it_stays_while_somebody_is_subscribed(self, parts: Parts, admin: Principal, stranger: Principal) -> None:
        make_gold(parts, admin)
        make_gold(parts, stranger)
        made, _ = subscribe(parts, admin, GOLD)
        with pytest.raises(Conflict, match="cancel them first"):
            parts.products.delete(admin, "gold")
        parts.products.delete(stranger, "gold")
        parts.subscriptions.move(admin, made.subscription_id, SubscriptionStatus.CANCELLED)
        parts.products.delete(admin, "gold")
        with pytest.raises(NotFound):
            parts.products.get(admin, "gold")

    def test_it_holds_apis_that_there_are(self, parts: Parts, admin: Principal) -> None:
        with pytest.raises(Invalid, match=r"api_ids\.1: there is no API 'nosuch'"):
            make_gold(parts, admin, api_ids=["churn", "nosuch"])
        make_gold(parts, admin)
        with pytest.raises(Conflict, match="already"):
            make_gold(parts, admin)


class TestLocks:
    @pytest.mark.parametrize("what", ["subscription", "product", "changed product", "limits"])
    def test_an_api_that_is_found_is_not_deleted_before_what_names_it_is_there(
        self, parts: Parts, admin: Principal, database: Database, what: str
    ) -> None:
        make_gold(parts, admin, api_ids=[])
        scope = Scope(ScopeKind.API, "churn")
        verbs: dict[str, Callable[[], object]] = {
            "subscription": lambda: subscribe(parts, admin, scope),
            "product": lambda: make_gold(parts, admin, product_id="other"),
            "changed product": lambda: parts.products.change(admin, "gold", revision=None, api_ids=["churn"]),
            "limits": lambda: parts.limits.put(admin, "churn", UNLIMITED),
        }
        deleted = threading.Event()

        def delete() -> None:
            with database.write() as connection:
                lock_chain(connection, admin.tenant_id)
                deleted.set()

        with ThreadPoolExecutor() as pool:

            def begin() -> None:
                pool.submit(delete)
                assert not deleted.wait(0.2)

            parts.known.meanwhile = begin
            verbs[what]()
        assert deleted.is_set()


class TestIssuers:
    def test_tokens_stand_for_one_subscription_and_keys_are_replaced(self, parts: Parts, admin: Principal) -> None:
        trust(parts, admin)
        client = Client("entra", "shop")
        made, _ = subscribe(parts, admin, client=client)
        with pytest.raises(Conflict, match="another subscription already"):
            subscribe(parts, admin, client=client)
        with pytest.raises(Conflict, match="stand for subscriptions"):
            parts.issuers.delete(admin, "entra")
        with pytest.raises(Invalid, match=r"client\.issuer_id: there is no issuer 'nosuch'"):
            subscribe(parts, admin, client=Client("nosuch", "shop"))
        before = parts.tables.fingerprint()
        trust(parts, admin, jwks={"keys": [rsa_jwk(kid="two")]}, revision=1)
        assert parts.tables.fingerprint() != before
        (issuer,) = parts.tables.table().issuers
        assert [key["kid"] for key in json.loads(issuer.jwks)["keys"]] == ["two"]
        (subscriber,) = parts.tables.table().subscribers
        assert subscriber.client is not None
        assert (subscriber.client.issuer, subscriber.client.client) == (issuer.name, "shop")
        parts.subscriptions.move(admin, made.subscription_id, SubscriptionStatus.CANCELLED)
        subscribe(parts, admin, client=client)

    @pytest.mark.parametrize(
        ("jwks", "said"),
        [
            ({}, r"jwks\.keys: expected a list"),
            ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, r"jwks\.keys\.0\.kty: expected RSA, EC or OKP, got 'oct'"),
            ({"keys": [rsa_jwk(is_private=True)]}, "expected a public key, and a private one came"),
            ({"keys": [rsa_jwk(1024)]}, "2048 bits or more"),
            ({"keys": [rsa_jwk(use="enc")]}, "all are for another use"),
            ({"keys": [{"kty": "RSA", "n": 5, "e": "AQAB"}]}, r"jwks\.keys\.0\.n: expected text"),
            ({"keys": ["text"]}, "got None"),
            ({"keys": [rsa_jwk(n="!" * 342)]}, r"jwks\.keys\.0: expected a public key of kind RSA that can be used"),
            ({"keys": [rsa_jwk(e="EQ")]}, "the exponent 3 or 65537"),
            ({"keys": [{"kty": "EC", "crv": "P-256", "x": "abc", "y": "def"}]}, "of kind EC that can be used"),
            ({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "abc"}]}, "of kind OKP that can be used"),
            ({"keys": [rsa_jwk(alg="HS256")]}, "all are for another use, curve or algorithm"),
        ],
    )
    def test_only_public_keys_that_sign_are_taken(self, jwks: dict[str, Any], said: str) -> None:
        with pytest.raises(Invalid, match=said):
            public_keys(jwks)

    def test_what_verifies_nothing_is_left_out(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        content = json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": "ec", "x5c": ["…"]}
        others = [rsa_jwk(use="enc"), rsa_jwk(alg="RSA-OAEP"), {"kty": "OKP", "crv": "X25519", "x": "abc"}]
        kept = json.loads(public_keys({"keys": [content, *others]}))
        assert [set(each) for each in kept["keys"]] == [{"kty", "crv", "x", "y", "kid"}]
        signed = jwt.encode({"sub": "anna"}, key, algorithm="ES256")
        assert jwt.decode(signed, jwt.PyJWK(kept["keys"][0]), algorithms=["ES256"]) == {"sub": "anna"}


def used(subscription_id: str, scope: str, hour: datetime, calls: int, **fields: Any) -> UsageRow:
    counts = {"refused": 0, "over_limit": 0, "failed": 0, **fields}
    last_at = hour + timedelta(minutes=5)
    return UsageRow("default", subscription_id, scope, hour, calls, last_at=last_at, **counts)


class TestLimits:
    def test_rates_of_each_scope_are_in_the_table(self, parts: Parts, admin: Principal) -> None:
        rate = Limits(rate=Rate(10, 60))
        make_gold(parts, admin, limits=rate)
        made, _ = subscribe(parts, admin, limits=Limits(rate=Rate(5, 1), is_enforced=False))
        parts.limits.put(admin, "churn", rate)
        found = {(each.scope, each.key): (each.calls, each.is_enforced) for each in parts.tables.table().rate_limits}
        assert found == {
            (LimitScope.SUBSCRIPTION, made.subscription_id): (5, False),
            (LimitScope.PRODUCT, product_key("default", "gold")): (10, True),
            (LimitScope.API, api_scope("default", "churn")): (10, True),
        }
        parts.limits.delete(admin, "churn")
        with pytest.raises(NotFound):
            parts.limits.delete(admin, "churn")
        assert len(parts.tables.table().rate_limits) == 2
        with pytest.raises(NotFound, match="there is no API 'nosuch'"):
            parts.limits.put(admin, "nosuch", rate)

    @pytest.mark.parametrize(
        ("period", "start", "end"),
        [
            (QuotaPeriod.HOUR, "2026-12-31T23:00", "2027-01-01T00:00"),
            (QuotaPeriod.DAY, "2026-12-31T00:00", "2027-01-01T00:00"),
            (QuotaPeriod.WEEK, "2026-12-28T00:00", "2027-01-04T00:00"),
            (QuotaPeriod.MONTH, "2026-12-01T00:00", "2027-01-01T00:00"),
        ],
    )
    def test_a_quota_holds_for_a_span_of_the_calendar(self, period: QuotaPeriod, start: str, end: str) -> None:
        now = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
        found = (period_start(period, now), period_end(period, now))
        assert found == tuple(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (start, end))

    def test_quotas_are_used_up_by_what_nodes_report_and_begin_anew(
        self, parts: Parts, admin: Principal, clock: ManualClock
    ) -> None:
        quota = Limits(quota=Quota(10, QuotaPeriod.DAY))
        make_gold(parts, admin, limits=quota)
        own, _ = subscribe(parts, admin, limits=quota)
        of_gold, _ = subscribe(parts, admin, GOLD)
        counted, _ = subscribe(parts, admin, limits=Limits(quota=Quota(1, QuotaPeriod.DAY), is_enforced=False))
        parts.limits.put(admin, "churn", Limits(quota=Quota(3, QuotaPeriod.HOUR)))
        hour = period_start(QuotaPeriod.HOUR, clock.now())
        names = [each.subscription_id for each in (own, of_gold, counted)]
        assert parts.tables.table().exhausted == ()
        before = parts.tables.fingerprint()
        parts.usage.note("one", 1, [used(name, "model:iris", hour, 6) for name in names])
        assert parts.tables.fingerprint() == before
        parts.usage.note("two", 1, [used(name, "model:iris", hour, 4) for name in names])
        parts.usage.note("two", 2, [used("", "api:churn", hour, 3)])
        assert parts.tables.fingerprint() != before
        assert {(each.scope, each.key, each.subscription_id) for each in parts.tables.table().exhausted} == {
            (LimitScope.SUBSCRIPTION, names[0], names[0]),
            (LimitScope.PRODUCT, product_key("default", "gold"), names[1]),
            (LimitScope.API, api_scope("default", "churn"), "-"),
        }
        (standing,) = parts.usage.standings(admin, counted)
        assert (standing.used, standing.is_exhausted) == (10, True)
        clock.sleep(86_400)
        assert parts.tables.table().exhausted == ()

    def test_however_many_quotas_there_are_usage_is_read_once(
        self, parts: Parts, admin: Principal, clock: ManualClock, database: Database
    ) -> None:
        hour = period_start(QuotaPeriod.HOUR, clock.now())
        for period in QuotaPeriod:
            subscription, _ = subscribe(parts, admin, limits=Limits(quota=Quota(5, period)))
            rows = [used(subscription.subscription_id, f"api:{name}", hour, 3) for name in ("churn", "iris")]
            parts.usage.note(period, 1, rows)
        parts.limits.put(admin, "churn", Limits(quota=Quota(4, QuotaPeriod.HOUR)))
        with statements(database) as seen:
            exhausted = parts.usage.exhausted()
        assert len(exhausted) == len(QuotaPeriod)
        assert sum("gateway_usage" in str(statement) for statement in seen) == 1


KEYS_URL = "https://id.example.com/keys"


def publish(parts: Parts, *keys: dict[str, Any]) -> None:
    parts.key_sets.published[KEYS_URL] = json.dumps({"keys": keys}).encode()


def key_ids(parts: Parts) -> list[str]:
    (issuer,) = parts.tables.table().issuers
    return [key["kid"] for key in json.loads(issuer.jwks)["keys"]]


class TestPublishedKeys:
    def test_other_keys_of_an_issuer_count_when_it_is_asked_again(
        self, parts: Parts, admin: Principal, clock: ManualClock
    ) -> None:
        publish(parts, rsa_jwk(kid="one"))
        trust(parts, admin, jwks=None, jwks_url=KEYS_URL)
        before = parts.tables.fingerprint()
        publish(parts, rsa_jwk(kid="one"), rsa_jwk(kid="two"))
        clock.sleep(60)
        parts.published.make_pass()
        assert (key_ids(parts), parts.tables.fingerprint()) == (["one"], before)
        clock.sleep(300)
        parts.published.make_pass()
        assert key_ids(parts) == ["one", "two"]
        assert parts.tables.fingerprint() != before
        entry = parts.audit.entries(admin.tenant_id, subject="token-issuers/entra")[-1]
        assert (entry.action, entry.after) == ("token_issuer.keys_changed", {"keys": ["one", "two"]})

    def test_the_last_good_keys_count_while_an_issuer_is_away_or_publishes_no_keys(
        self, parts: Parts, admin: Principal, clock: ManualClock
    ) -> None:
        publish(parts, rsa_jwk(kid="one"))
        trust(parts, admin, jwks=None, jwks_url=KEYS_URL)
        table = parts.tables.table()
        for content in (None, b"<html>", b'{"keys": []}', json.dumps({"keys": [rsa_jwk(1024)]}).encode()):
            parts.key_sets.published.clear()
            if content is not None:
                parts.key_sets.published[KEYS_URL] = content
            clock.sleep(301)
            parts.published.make_pass()
            (issuer,) = parts.issuers.list(admin)
            assert issuer.jwks_error
            assert parts.tables.table() == table
        publish(parts, rsa_jwk(kid="two"))
        clock.sleep(301)
        parts.published.make_pass()
        (issuer,) = parts.issuers.list(admin)
        assert (key_ids(parts), issuer.jwks_error) == (["two"], None)

    @pytest.mark.parametrize(
        ("fields", "code", "field"),
        [
            ({"jwks": None, "jwks_url": KEYS_URL}, "jwks_unavailable", "jwks_url"),
            ({"jwks": None, "jwks_url": None}, "jwks_invalid", "jwks"),
            ({"jwks_url": KEYS_URL}, "jwks_invalid", "jwks"),
            ({"jwks": None, "jwks_url": "ftp://id.example.com/keys"}, "jwks_url_invalid", "jwks_url"),
            ({"jwks": None, "jwks_url": "https://me@id.example.com/keys"}, "jwks_url_invalid", "jwks_url"),
        ],
    )
    def test_nobody_is_trusted_by_an_address_without_keys(
        self, parts: Parts, admin: Principal, fields: dict[str, Any], code: str, field: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            trust(parts, admin, **fields)
        assert (refused.value.code, refused.value.field) == (code, field)
        assert parts.issuers.list(admin) == []


class TestUsage:
    def test_reports_of_nodes_are_summed_and_one_that_comes_again_counts_once(
        self, parts: Parts, admin: Principal, stranger: Principal, clock: ManualClock
    ) -> None:
        hour = period_start(QuotaPeriod.HOUR, clock.now())
        first = [used("sub-1", "api:churn", hour, 5, failed=1), used("sub-2", "api:churn", hour, 1)]
        assert parts.usage.note("one", 1, first)
        assert not parts.usage.note("one", 1, first)
        assert parts.usage.note("two", 1, [used("sub-1", "api:churn", hour, 2, refused=3)])
        assert parts.usage.note("one", 2, [used("sub-1", "api:churn", hour - timedelta(hours=2), 9)])
        totals = parts.usage.totals(admin, since=hour + timedelta(minutes=3), scope="api:churn")
        assert {each.subscription_id: (each.calls, each.refused, each.failed) for each in totals} == {
            "sub-1": (7, 3, 1),
            "sub-2": (1, 0, 0),
        }
        assert parts.usage.last_used(admin, ["sub-1", "sub-3"]) == {"sub-1": hour + timedelta(minutes=5)}
        assert parts.usage.totals(stranger, since=hour) == []

    def test_what_is_old_is_forgotten(self, parts: Parts, admin: Principal, clock: ManualClock) -> None:
        hour = period_start(QuotaPeriod.HOUR, clock.now())
        parts.usage.note("one", 1, [used("sub-1", "api:churn", hour, 5)])
        clock.sleep(401 * 86_400)
        parts.usage.make_pass()
        assert parts.usage.totals(admin, since=hour) == []


class TestAtOnce:
    @pytest.mark.parametrize(
        ("make", "code"),
        [
            (make_gold, "product_exists"),
            (lambda parts, admin: subscribe(parts, admin, name="shop"), "name_taken"),
            (lambda parts, admin: subscribe(parts, admin, client=Client("entra", "shop")), "client_taken"),
        ],
    )
    def test_what_several_make_at_once_is_made_once(
        self, parts: Parts, admin: Principal, make: Callable[[Parts, Principal], None], code: str
    ) -> None:
        trust(parts, admin)

        def outcome(_: int) -> str:
            try:
                make(parts, admin)
            except Conflict as exc:
                return exc.code
            return "made"

        with ThreadPoolExecutor(6) as pool:
            outcomes = list(pool.map(outcome, range(6)))
        assert (outcomes.count("made"), outcomes.count(code)) == (1, 5)
