"""What a node counts comes through the request that carries it, as it was."""

import json
from dataclasses import asdict

from modelyard.gateway.publishing.schemas import CountersRequest
from modelyard.gateway_node.comparer import ComparisonCounters, Example
from modelyard.gateway_node.counters import BackendCounters


class TestCountersRequest:
    """As JSON."""

    def test_it_gives_what_the_node_sent(self) -> None:
        counted = BackendCounters("dep-1", requests=9, errors=1, timed=8, slower=((0.5, 8), (10.0, 2)))
        found = ComparisonCounters("dep-2", "dep-1", 3, 1, 5.5, 4.0, (Example("req-1", "predictions[0]: 1, not 0"),))
        sent = json.dumps({"counters": [asdict(counted)], "comparisons": [asdict(found)]})
        received = CountersRequest.model_validate(json.loads(sent))
        assert [each.counters() for each in received.counters] == [counted]
        assert [each.counters() for each in received.comparisons] == [found]
