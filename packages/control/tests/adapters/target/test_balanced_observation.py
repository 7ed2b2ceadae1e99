"""What a status says of replicas that do not serve."""

import pytest

from modelyard.adapters.balancer import Endpoint
from modelyard.adapters.target.balanced import Phase, Replica
from modelyard.adapters.target.balanced.observation import observation
from modelyard.adapters.target.balanced.records import Record
from modelyard.ports.target import ServerKey, ServerState

RUNNING = Replica("one", ServerKey("d-1", 1), 0, "template", Phase.RUNNING, Endpoint("127.0.0.1", 30_000))
ENDED = Replica("two", ServerKey("d-1", 1), 1, "template", Phase.FAILED, None, restarts=1, last_exit="OOMKilled")


@pytest.mark.parametrize(
    ("replicas", "said"),
    [
        (
            [RUNNING],
            "replica 0 runs and is not ready: it loads its model, or cannot be reached at 127.0.0.1:30000",
        ),
        ([RUNNING, ENDED], "OOMKilled"),
        ([], None),
    ],
)
def test_a_replica_that_runs_and_is_not_ready_is_named_unless_another_has_ended(
    replicas: list[Replica], said: str | None
) -> None:
    record = Record("this", 2, "template")
    seen = observation(record, replicas, lambda _: False, url=None, is_settled=False, trouble=None)
    assert seen.state is not ServerState.READY
    assert seen.reason == said
