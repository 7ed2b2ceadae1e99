"""What Envoy refuses of a configuration is found, and kept as it was, while everything else changes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from gateway_nodes import configuration, route
from hypothesis import given
from hypothesis import strategies as st

from modelyard.gateway_node import Configuration, RouteRun
from modelyard.gateway_node.configuration import used_clusters
from modelyard.gateway_node.confirmation import RefusedError
from modelyard.gateway_node.isolation import NOTHING, HeldParts, report_of, settle
from modelyard.gateway_node.parts import Part, PartKind, changed, composed

GOOD, BAD = 1, 666
"""Weights of routes, by which these tests tell what a part holds; Envoy is played by `Picky`."""


def of_parts(parts: Mapping[str, int], *, core: int = GOOD) -> Configuration:
    """Each part has two runs, which lead to a cluster for its weight; the last route is nobody's."""
    runs, routes = [], []
    for section in (0, 1):
        for name, weight in sorted(parts.items()):
            runs.append(RouteRun(name, (section, name), 1))
            routes.append({**route(f"/{name}", {f"{name}{weight}": weight}), "name": f"{section}/{name}"})
    runs.append(RouteRun(None, (2,), 1))
    routes.append(route("/", {"core": core}))
    made = configuration(
        {name: [1] for name in [*(f"{name}{weight}" for name, weight in parts.items()), "core"]}, routes
    )
    return Configuration(clusters=made.clusters, endpoints=made.endpoints, routes=made.routes, runs=tuple(runs))


def weights(of: Configuration) -> dict[str, int]:
    """What each part holds."""
    return {
        run.part: some[0]["route"]["weighted_clusters"]["clusters"][0]["weight"]
        for run, some in of.runs_with_routes()
        if run.part is not None
    }


@dataclass
class Picky:
    """Refuses weights of 666, two parts together of which one excludes the other, and clusters that are not there."""

    excluding: Sequence[frozenset[str]] = ()
    tried: list[Configuration] = field(default_factory=list)

    def __call__(self, tried: Configuration) -> None:
        self.tried.append(tried)
        routes = tried.routes["virtual_hosts"][0]["routes"]
        missing = used_clusters(routes) - {each["name"] for each in tried.clusters}
        if missing:
            raise RefusedError(f"unknown cluster {min(missing)}")
        for each in routes:
            if each["route"]["weighted_clusters"]["clusters"][0]["weight"] == BAD:
                raise RefusedError(f"bad {each['name']}")
        for pair in self.excluding:
            if all(weights(tried).get(name, 0) > GOOD for name in pair):
                raise RefusedError("both")


NAMES = st.text("abcdef", min_size=1, max_size=2)
FORMER = st.dictionaries(NAMES, st.just(GOOD), max_size=12)
WANTED = st.dictionaries(NAMES, st.sampled_from([GOOD, 2, 3, BAD]), max_size=24)


class TestSettling:
    @given(FORMER, WANTED)
    def test_exactly_what_is_refused_stays_as_it_was(
        self, former_parts: dict[str, int], wanted_parts: dict[str, int]
    ) -> None:
        former, wanted, envoy = of_parts(former_parts), of_parts(wanted_parts), Picky()
        settled = settle(wanted, former, envoy)
        bad = {name for name, weight in wanted_parts.items() if weight == BAD}
        assert {part.name for part in settled.refusals} == bad  # No cluster among them.
        as_it_should = {
            name: former_parts.get(name) if name in bad else weight for name, weight in wanted_parts.items()
        }
        assert weights(settled.configuration) == {name: kept for name, kept in as_it_should.items() if kept is not None}
        ranks = [run.rank for run in settled.configuration.runs]
        assert ranks == sorted(ranks)
        for part, reason in settled.refusals.items():
            assert reason in {f"bad 0/{part.name}", f"bad 1/{part.name}"}

    @given(FORMER, WANTED, st.lists(st.frozensets(NAMES, min_size=2, max_size=2), max_size=4))
    def test_what_is_taken_was_tried_as_a_whole_and_leaves_out_nothing_that_could_be_there(
        self, former_parts: dict[str, int], wanted_parts: dict[str, int], excluding: list[frozenset[str]]
    ) -> None:
        former, wanted, envoy = of_parts(former_parts), of_parts(wanted_parts), Picky(excluding)
        settled = settle(wanted, former, envoy)
        assert settled.configuration.text in {each.text for each in envoy.tried}
        Picky(excluding)(settled.configuration)
        for part in settled.refusals:
            others = [each for each in settled.refusals if each != part]
            with pytest.raises(RefusedError):
                Picky(excluding)(composed(wanted, former, others))

    @given(FORMER, WANTED)
    def test_it_takes_few_trials(self, former_parts: dict[str, int], wanted_parts: dict[str, int]) -> None:
        former, wanted, envoy = of_parts(former_parts), of_parts(wanted_parts), Picky()
        refused = len(settle(wanted, former, envoy).refusals)
        count = len(changed(wanted, former))
        assert len(envoy.tried) <= (2 + 2 * refused * math.ceil(math.log2(count)) if refused else 1)

    @given(FORMER, WANTED)
    def test_all_clusters_that_routes_lead_to_are_there_once(
        self, former_parts: dict[str, int], wanted_parts: dict[str, int]
    ) -> None:
        kept = settle(of_parts(wanted_parts), of_parts(former_parts), Picky()).configuration
        names = [each["name"] for each in kept.clusters]
        assert len(names) == len(set(names))
        assert used_clusters(kept.routes["virtual_hosts"][0]["routes"]) <= set(names)
        assert {each["cluster_name"] for each in kept.endpoints} == set(names)
        assert Configuration.read(kept.text).text == kept.text

    def test_what_belongs_to_nobody_is_refused_as_a_whole(self) -> None:
        with pytest.raises(RefusedError, match="bad /"):
            settle(of_parts({"a": 2}, core=BAD), of_parts({"a": 1}), Picky())
        with pytest.raises(RefusedError, match="bad /"):
            settle(of_parts({}, core=BAD), NOTHING, Picky())

    def test_what_was_refused_is_not_tried_again_until_it_is_another(self) -> None:
        former, bad, envoy, held = of_parts({"a": GOOD, "b": GOOD}), of_parts({"a": BAD, "b": 2}), Picky(), HeldParts()
        held.note(bad, settle(bad, former, envoy))
        assert [(each.kind, each.name) for each in held.reported] == [("routes", "a")]
        later = of_parts({"a": BAD, "b": 3})
        envoy.tried.clear()
        settled = settle(later, former, envoy, held=held.still_in(later))
        assert len(envoy.tried) == 1
        assert weights(settled.configuration) == {"a": GOOD, "b": 3}
        assert held.still_in(of_parts({"a": 2, "b": 3})) == {}

    def test_a_part_that_is_gone_is_not_held(self) -> None:
        assert weights(composed(of_parts({"b": 2}), of_parts({"a": GOOD, "b": GOOD}), [])) == {"b": 2}
        assert changed(of_parts({"b": GOOD}), of_parts({"a": GOOD, "b": GOOD})) == []


class TestReports:
    def test_a_cluster_is_reported_as_the_routes_that_lead_to_it(self) -> None:
        wanted = of_parts({"a": 2, "b": 2})

        def refuse(tried: Configuration) -> None:
            if any(each["name"] == "a2" for each in tried.clusters):
                raise RefusedError("a's address is malformed")
            Picky()(tried)

        settled = settle(wanted, NOTHING, refuse)
        assert set(settled.refusals) == {Part(PartKind.CLUSTER, "a2"), Part(PartKind.ROUTES, "a")}
        said = report_of(settled, wanted)
        assert [(each.kind, each.name, each.reason) for each in said] == [("routes", "a", "a's address is malformed")]
