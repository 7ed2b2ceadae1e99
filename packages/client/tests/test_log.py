import itertools

import pytest
from modelyard_standin import FakeClock, Reply, StandIn, error

from modelyard_client import Client, LogLine
from modelyard_client.errors import NotFound, Unavailable, UnexpectedAnswer

LOG = "Training…\nepoch 1\n\nepoch 2\n".encode()
LINES = [LogLine("Training…", 12), LogLine("epoch 1", 20), LogLine("", 21), LogLine("epoch 2", 29)]


class TestFollow:
    def test_lines_come_with_their_places_until_the_end(self, standin: StandIn, client: Client) -> None:
        standin.logs["job-1"] = LOG
        assert list(client.jobs.follow_log("job-1")) == LINES

    def test_it_begins_at_the_given_offset(self, standin: StandIn, client: Client) -> None:
        standin.logs["job-1"] = LOG
        assert list(client.jobs.follow_log("job-1", offset=20)) == LINES[2:]

    @pytest.mark.parametrize("breaks", [[0], [1], [2, 1], [1, 0, 0, 1, 1], [4]])
    def test_a_broken_connection_is_taken_up_without_losing_or_repeating_a_line(
        self, standin: StandIn, client: Client, breaks: list[int]
    ) -> None:
        standin.logs["job-1"] = LOG
        standin.events_before_break = list(breaks)
        assert list(client.jobs.follow_log("job-1")) == LINES
        places = [0, *(line.offset for line in LINES)]
        resumed_at = [places[seen] for seen in itertools.accumulate([0, *breaks])]
        assert [int(request.headers["last-event-id"]) for request in standin.seen] == resumed_at

    def test_a_server_that_restarts_is_waited_for(self, standin: StandIn, client: Client, clock: FakeClock) -> None:
        standin.logs["job-1"] = LOG
        standin.out_of_turn = [error(503, "starting", "starting")] * 20
        assert list(client.jobs.follow_log("job-1")) == LINES
        assert clock.now() == pytest.approx(10.0)

    def test_a_server_that_stays_away_is_given_up(self, standin: StandIn, client: Client, clock: FakeClock) -> None:
        standin.out_of_turn = [error(503, "starting", "starting")] * 100
        with pytest.raises(Unavailable, match="starting"):
            list(client.jobs.follow_log("job-1", patience=5.0))
        assert 5.0 < clock.now() < 6.0

    def test_the_log_of_no_job_is_not_found(self, client: Client) -> None:
        with pytest.raises(NotFound):
            list(client.jobs.follow_log("nobody"))

    def test_a_place_that_is_no_number_is_not_followed(self, standin: StandIn, client: Client) -> None:
        standin.out_of_turn = [Reply(200, b"id: x\nevent: log\ndata: a\n\n")]
        with pytest.raises(UnexpectedAnswer, match="place in the log"):
            list(client.jobs.follow_log("job-1"))


class TestRead:
    def test_lines_are_the_same_as_when_they_are_followed(self, standin: StandIn, client: Client) -> None:
        standin.logs["job-1"] = LOG
        assert list(client.jobs.log("job-1")) == LINES
        assert list(client.jobs.log("job-1", offset=20)) == LINES[2:]

    def test_a_last_line_without_its_end_is_not_whole(self, standin: StandIn, client: Client) -> None:
        standin.logs["job-1"] = b"one\r\ntw"
        assert list(client.jobs.log("job-1")) == [LogLine("one", 5), LogLine("tw", 7, is_whole=False)]

    def test_a_progress_bar_is_one_line(self, standin: StandIn, client: Client) -> None:
        standin.logs["dep-1"] = b"10%\r20%\r100%\n"
        assert list(client.deployments.log("dep-1")) == [LogLine("10%\r20%\r100%", 13)]
