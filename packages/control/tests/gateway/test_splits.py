"""Where the requests of a model go that are divided between versions: what moves them, and what does not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from modelyard.gateway.compile import (
    Compared,
    Copies,
    DeployedVersion,
    GatewayState,
    ModelStages,
    Share,
    TrafficSplit,
    compile_table,
)
from modelyard.gateway.table import Comparison, Destination, Endpoint, Forward, Mirror, Sticky, StickyBy

MADE = datetime(2026, 1, 1, tzinfo=UTC)
STICKY = Sticky(StickyBy.HEADER, "x-user", "salt")
SPLIT = TrafficSplit(
    tenant_id="default",
    model_name="churn",
    shares=(Share(1, 6000), Share(2, 3000), Share(3, 1000)),
    sticky=STICKY,
    shadow=Copies(version=4, percent=20, compared=Compared(name="cmp-1", against=1, tolerance=1e-3)),
)


def deployed(version: int, name: str | None = None) -> DeployedVersion:
    return DeployedVersion(
        deployment_id=name or f"dep-{version}",
        tenant_id="default",
        model_name="churn",
        version=version,
        address=Endpoint("127.0.0.1", 20_000 + version),
        is_ready=True,
        created_at=MADE,
    )


ALL = [deployed(version) for version in (1, 2, 3, 4)]


def forward(deployments: Sequence[DeployedVersion], *, production: int | None = 1) -> Forward:
    """What the stable address of the model does."""
    stages = {("default", "churn"): ModelStages(production=production)}
    state = GatewayState(now=MADE, deployments=deployments, splits=(SPLIT,), stages=stages)
    (action,) = (route.action for route in compile_table(state).routes if route.name == "default/models/churn")
    assert isinstance(action, Forward)
    return action


def places(action: Forward) -> list[str]:
    """The backend at each thousandth of the weights' sum, where sticky callers have theirs."""
    return [each.backend for each in action.destinations for _ in range(each.weight // 100)]


class TestASplit:
    """Of three versions, with a shadow."""

    def test_it_is_what_was_asked_for(self) -> None:
        comparison = Comparison("cmp-1", "dep-1", 1e-3)
        assert forward(ALL) == Forward(
            destinations=(Destination("dep-1", 6000), Destination("dep-2", 3000), Destination("dep-3", 1000)),
            strip=1,
            request_headers={"x-forwarded-prefix": "/churn"},
            sticky=STICKY,
            mirrors=(Mirror("dep-4", 20, comparison),),
        )

    def test_a_promotion_and_a_scaling_leave_it_as_it_is(self) -> None:
        assert forward(ALL, production=2) == forward(ALL)
        assert forward(ALL, production=None) == forward(ALL)
        starting = [replace(each, is_ready=False) for each in ALL]
        assert forward(starting) == forward(ALL)

    def test_only_callers_of_a_version_that_is_gone_go_elsewhere(self) -> None:
        before = places(forward(ALL))
        for gone, there in ((2, "dep-1"), (1, "dep-2"), (3, "dep-1")):
            after = places(forward([each for each in ALL if each.version != gone]))
            assert len(after) == len(before) == 100
            moved = [now for was, now in zip(before, after, strict=True) if was != now]
            assert set(moved) == {there}
            assert len(moved) == before.count(f"dep-{gone}")

    def test_neighbours_of_one_backend_are_one(self) -> None:
        found = forward([each for each in ALL if each.version != 2])
        assert found.destinations == (Destination("dep-1", 9000), Destination("dep-3", 1000))

    def test_without_its_shadow_or_what_that_is_compared_with_it_goes_on(self) -> None:
        assert forward(ALL[:3]).mirrors == ()
        assert forward(ALL[1:]).mirrors == (Mirror("dep-4", 20, None),)


class TestAReplacement:
    """Of the version of a deployment that a split does not name, by one that it names."""

    def test_its_address_gets_no_share_while_servers_of_two_versions_are_there(self) -> None:
        older = replace(deployed(2, "dep-old"), created_at=MADE.replace(year=2025), is_replacing=True)
        assert forward([*ALL, older]) == forward(ALL)
        assert places(forward([*ALL, replace(older, is_replacing=False)])).count("dep-old") == 30

    def test_it_answers_where_no_other_deployment_does(self) -> None:
        alone = replace(deployed(2, "dep-old"), is_replacing=True)
        others = [each for each in ALL if each.version != 2]
        assert places(forward([*others, alone])).count("dep-old") == 30
