"""Who gets which version, as a real Envoy divides callers by the routes that a split is translated to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from gateway_nodes import RunningNode
from labelling_servers import ModelServer, serving
from ports import find_free_port

from modelyard.gateway.compile import compile_table
from modelyard.gateway.compile.inputs import DeployedVersion, GatewayState, Share, TrafficSplit
from modelyard.gateway.envoy import assignments, clusters, route_configuration
from modelyard.gateway.envoy.access_filters import access_filters
from modelyard.gateway.table import Endpoint, Sticky, StickyBy
from modelyard.gateway_node import Configuration
from modelyard.subscriptions.access_table import AccessTable, Subscriber, tenant_scope
from modelyard.subscriptions.keys import key_digest
from modelyard.traffic.domain import grown

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORMER, CANDIDATE = 1, 2
KEY_HEADER = "Ocp-Apim-Subscription-Key"
USERS = 250
SUBSCRIBERS = 120


def divided(
    servers: dict[int, ModelServer], percent: float, sticky: Sticky, access: AccessTable | None = None
) -> Configuration:
    """The candidate answers a percentage of the model `churn`, which these may call, and everybody else."""
    shares = tuple(Share(share.version, share.weight) for share in grown(FORMER, CANDIDATE, percent))
    split = TrafficSplit(tenant_id="default", model_name="churn", shares=shares, sticky=sticky)
    return configuration(servers, split, access)


def configuration(
    servers: dict[int, ModelServer], split: TrafficSplit, access: AccessTable | None = None
) -> Configuration:
    """Versions of the model `churn`, and how its requests are divided."""
    deployed = [
        DeployedVersion(
            deployment_id=f"dep-{version}",
            tenant_id="default",
            model_name="churn",
            version=version,
            address=Endpoint("127.0.0.1", server.server_port),
            is_ready=True,
            created_at=NOW,
        )
        for version, server in servers.items()
    ]
    table = compile_table(GatewayState(now=NOW, deployments=deployed, splits=(split,)))
    return Configuration(
        clusters=tuple(clusters(table)),
        endpoints=tuple(assignments(table)),
        routes=route_configuration(table, https_port=None),
        filters={} if access is None else access_filters(access),
    )


def on_candidate(node: RunningNode, header: str) -> set[int]:
    """The users that the candidate answers; each asks twice, and gets the same version."""
    found = set()
    with httpx.Client(base_url=node.url, timeout=20) as client:
        for user in range(USERS):
            value = f"user-{user}" if header == "x-user" else f"theme=dark; uid=user-{user}"
            answers = {
                client.post("/churn/predict", json={}, headers={header: value}).json()["predictions"][0]
                for _ in range(2)
            }
            assert len(answers) == 1
            if answers == {CANDIDATE}:
                found.add(user)
    return found


class TestASplit:
    """Between two versions."""

    @pytest.mark.parametrize(
        ("by", "name", "header"), [(StickyBy.HEADER, "x-user", "x-user"), (StickyBy.COOKIE, "uid", "cookie")]
    )
    def test_who_is_on_the_candidate_stays_there_when_it_grows_and_another_salt_chooses_others(
        self, tmp_path: Path, by: StickyBy, name: str, header: str
    ) -> None:
        servers = {version: ModelServer(version) for version in (FORMER, CANDIDATE)}
        with serving(*servers.values()), RunningNode(tmp_path / "gateway", find_free_port()) as node:
            found = []
            for percent, salt in ((5, "one"), (20, "one"), (50, "one"), (50, "two")):
                report = node.publish(divided(servers, percent, Sticky(by, name, salt)))
                assert report.refused is None, report.reason
                found.append(on_candidate(node, header))
        few, some, half, others = found
        assert few < some < half
        assert 0.01 * USERS < len(few) < 0.12 * USERS
        assert 0.35 * USERS < len(half) < 0.65 * USERS
        # Independent salts agree about half of those on half of the weight.
        assert 0.25 * len(half) < len(half & others) < 0.75 * len(half)


class TestAVersionThatIsGone:
    """While the split names it still."""

    def test_its_callers_go_to_the_first_one_and_all_others_stay(self, tmp_path: Path) -> None:
        servers = {version: ModelServer(version) for version in (1, 2, 3)}
        shares = (Share(1, 4000), Share(2, 3000), Share(3, 3000))
        split = TrafficSplit(
            tenant_id="default", model_name="churn", shares=shares, sticky=Sticky(StickyBy.HEADER, "x-user", "salt")
        )
        with serving(*servers.values()), RunningNode(tmp_path / "gateway", find_free_port()) as node:
            seen = []
            for there in ({1, 2, 3}, {1, 2}, {1, 2, 3}):
                wanted = configuration({version: servers[version] for version in there}, split)
                report = node.publish(wanted)
                assert report.refused is None, report.reason
                with client_at(node, "127.0.0.1") as client:
                    seen.append({user: version_for(client, {"x-user": f"user-{user}"}) for user in range(USERS)})
        before, without, after = seen
        assert set(before.values()) == {1, 2, 3}
        assert without == {user: 1 if version == 3 else version for user, version in before.items()}
        assert after == before


class TestASplitByClient:
    """A client is its subscription, else its address."""

    def test_a_subscription_stays_with_its_version_whichever_key_and_address_it_uses_and_when_it_grows(
        self, tmp_path: Path
    ) -> None:
        access = AccessTable(subscribers=tuple(map(subscriber, range(SUBSCRIBERS))))
        with serving_two() as servers, RunningNode(tmp_path / "gateway", find_free_port()) as node:
            found = []
            for percent in (20, 50):
                wanted = divided(servers, percent, Sticky(StickyBy.CLIENT, None, "salt"), access)
                report = node.publish(wanted)
                assert report.refused is None, report.reason
                with client_at(node, "127.0.0.1") as here, client_at(node, "127.0.0.2") as there:
                    answered = {
                        user: {
                            version_for(client, {KEY_HEADER: key(user, which)})
                            for client, which in ((here, "one"), (there, "two"))
                        }
                        for user in range(SUBSCRIBERS)
                    }
                assert {len(versions) for versions in answered.values()} == {1}
                found.append({user for user, versions in answered.items() if versions == {CANDIDATE}})
        some, half = found
        assert some < half
        assert 0.1 * SUBSCRIBERS < len(some) < 0.3 * SUBSCRIBERS
        assert 0.35 * SUBSCRIBERS < len(half) < 0.65 * SUBSCRIBERS

    def test_without_a_subscription_an_address_stays_with_its_version_on_every_connection(self, tmp_path: Path) -> None:
        addresses = [f"127.0.1.{last}" for last in range(1, 101)]
        with serving_two() as servers, RunningNode(tmp_path / "gateway", find_free_port()) as node:
            report = node.publish(divided(servers, 50, Sticky(StickyBy.CLIENT, None, "salt")))
            assert report.refused is None, report.reason
            answered = {}
            for address in addresses:
                with client_at(node, address) as one, client_at(node, address) as other:
                    answered[address] = {version_for(one, {}), version_for(other, {})}
        assert {len(versions) for versions in answered.values()} == {1}
        assert 25 < sum(versions == {CANDIDATE} for versions in answered.values()) < 75


@contextmanager
def serving_two() -> Iterator[dict[int, ModelServer]]:
    servers = {version: ModelServer(version) for version in (FORMER, CANDIDATE)}
    with serving(*servers.values()):
        yield servers


def key(user: int, which: str) -> str:
    return f"key-{which}-of-{user}"


def subscriber(user: int) -> Subscriber:
    digests = key_digest(key(user, "one")), key_digest(key(user, "two"))
    return Subscriber(f"sub-{user}", frozenset({tenant_scope("default")}), digests)


def client_at(node: RunningNode, address: str) -> httpx.Client:
    """A client that calls from this address."""
    return httpx.Client(base_url=node.url, timeout=20, transport=httpx.HTTPTransport(local_address=address))


def version_for(client: httpx.Client, headers: dict[str, str]) -> int:
    return int(client.post("/churn/predict", json={}, headers=headers).json()["predictions"][0])
