"""Changes are followed over connections that break."""

import json
from itertools import islice

import pytest
from modelyard_standin import FakeClock, Reply, StandIn, error

from modelyard_client import Client
from modelyard_client.errors import Unavailable, UnexpectedAnswer


def events(head: int, *numbers: int) -> Reply:
    """A stream that ends after these changes."""
    blocks = [f"retry: 2000\n\nid: {head}\nevent: head\ndata: {{}}\n\n"]
    for number in numbers:
        change = {"sequence": number, "at": "2026-05-01T12:00:00Z", "actor": "ann", "action": "job.queued"}
        blocks.append(f"id: {number}\nevent: change\ndata: {json.dumps({**change, 'subject': f'jobs/{number}'})}\n\n")
    return Reply(200, "".join(blocks).encode())


class TestFollow:
    def test_it_goes_on_after_the_last_change_that_was_seen(self, standin: StandIn, client: Client) -> None:
        standin.out_of_turn = [events(4, 5, 6), events(6), events(6, 7)]
        assert [change.sequence for change in islice(client.audit.follow(), 3)] == [5, 6, 7]
        assert [request.headers.get("last-event-id") for request in standin.seen] == [None, "6", "6"]

    def test_it_begins_after_an_entry(self, standin: StandIn, client: Client) -> None:
        standin.out_of_turn = [events(0, 1)]
        (change,) = islice(client.audit.follow(after=0), 1)
        assert (change.actor, change.action, change.subject) == ("ann", "job.queued", "jobs/1")
        assert standin.seen[0].headers["last-event-id"] == "0"

    def test_a_server_that_stays_away_is_given_up(self, standin: StandIn, client: Client, clock: FakeClock) -> None:
        standin.out_of_turn = [error(503, "starting", "starting")] * 100
        with pytest.raises(Unavailable, match="starting"):
            list(client.audit.follow(patience=5.0))
        assert 5.0 < clock.now() < 7.0

    def test_an_id_that_is_no_number_is_not_followed(self, standin: StandIn, client: Client) -> None:
        standin.out_of_turn = [Reply(200, b"id: x\nevent: head\ndata: {}\n\n")]
        with pytest.raises(UnexpectedAnswer, match="an entry's number"):
            list(client.audit.follow())
