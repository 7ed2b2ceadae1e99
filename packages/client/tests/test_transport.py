from collections.abc import Iterator

import httpx
import pytest
from modelyard_standin import NO_SUCH, TOKEN, FakeClock, Reply, StandIn, error, reply

from modelyard_client import errors
from modelyard_client.errors import Invalid, ModelyardError, Unavailable, UnexpectedAnswer
from modelyard_client.transport import Transport, path

BUSY = error(503, "not now", "draining")


@pytest.fixture
def transport(standin: StandIn, clock: FakeClock) -> Iterator[Transport]:
    opened = Transport(standin.url, token=TOKEN, clock=clock)
    yield opened
    opened.close()


class TestPath:
    def test_what_a_caller_names_stays_one_segment(self) -> None:
        assert path("mlops", "models", "a/b?c#d e") == "/mlops/models/a%2Fb%3Fc%23d%20e"

    @pytest.mark.parametrize("segment", ["", ".", ".."])
    def test_a_segment_that_is_none_is_refused(self, segment: str) -> None:
        with pytest.raises(Invalid, match="expected a name or an id"):
            path("mlops", segment)


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (400, errors.Invalid),
            (401, errors.Unauthenticated),
            (403, errors.Forbidden),
            (404, errors.NotFound),
            (409, errors.Conflict),
            (412, errors.PreconditionFailed),
            (413, errors.TooLarge),
            (500, errors.Internal),
        ],
    )
    def test_each_kind_of_refusal_is_an_exception_of_its_own(
        self, standin: StandIn, transport: Transport, status: int, expected: type[ModelyardError]
    ) -> None:
        standin.out_of_turn = [error(status, "no, because", "some_code", field="requirements.0")]
        with pytest.raises(ModelyardError) as caught:
            transport.get("/mlops/status")
        raised = caught.value
        assert type(raised) is expected
        assert (raised.message, raised.code, raised.field) == ("no, because", "some_code", "requirements.0")
        assert (raised.status, raised.request_id) == (status, "req-1")

    def test_a_server_that_does_not_know_the_route_and_is_not_modelyards_is_reported(
        self, standin: StandIn, transport: Transport
    ) -> None:
        standin.out_of_turn = [Reply(404, b"<html>")]
        with pytest.raises(UnexpectedAnswer, match=rf"{standin.url} answered 404 Not Found in a form that is not"):
            transport.get("/")

    def test_a_refusal_of_something_before_it_is_reported_by_its_status(
        self, standin: StandIn, transport: Transport
    ) -> None:
        standin.out_of_turn = [Reply(403, b"<html>")]
        with pytest.raises(errors.Forbidden, match=r"127\.0\.0\.1 answered 403 Forbidden"):
            transport.get("/")

    def test_an_answer_that_is_no_json_is_not_taken(self, standin: StandIn, transport: Transport) -> None:
        standin.out_of_turn = [Reply(200, b"<html>")]
        with pytest.raises(UnexpectedAnswer, match="is it the address of Modelyard"):
            transport.get("/")

    def test_a_port_on_which_nobody_listens_is_unavailable(self, clock: FakeClock) -> None:
        transport = Transport("http://127.0.0.1:1", clock=clock)
        with pytest.raises(Unavailable, match=r"^nothing answers at http://127\.0\.0\.1:1$"):
            transport.get("/")
        transport.close()

    def test_a_redirect_is_not_followed_with_the_token(self, standin: StandIn, transport: Transport) -> None:
        standin.out_of_turn = [Reply(302, headers={"Location": "/mlops/status"})]
        with pytest.raises(ModelyardError):
            transport.get("/elsewhere")
        assert [request.path for request in standin.seen] == ["/elsewhere"]


class TestRepeating:
    def test_a_read_is_repeated_with_growing_pauses(
        self, standin: StandIn, transport: Transport, clock: FakeClock
    ) -> None:
        standin.out_of_turn = [BUSY, BUSY]
        assert transport.get("/mlops/status")["status"] == "ok"
        first, second = clock.pauses
        assert 0.07 < first < second

    def test_a_read_is_given_up_after_four_attempts(self, standin: StandIn, transport: Transport) -> None:
        standin.out_of_turn = [BUSY] * 4
        with pytest.raises(Unavailable, match="not now"):
            transport.get("/mlops/status")
        assert len(standin.seen) == 4

    def test_a_change_is_not_repeated(self, standin: StandIn, transport: Transport) -> None:
        standin.out_of_turn = [BUSY]
        with pytest.raises(Unavailable):
            transport.post("/mlops/registry", {"name": "churn"})
        assert len(standin.seen) == 1

    def test_a_change_whose_answer_broke_off_is_not_repeated(self, standin: StandIn, transport: Transport) -> None:
        standin.out_of_turn = [Reply(201, b"{", breaks_off=True)]
        with pytest.raises(Unavailable, match="broke"):
            transport.post("/mlops/registry", {"name": "churn"})
        assert len(standin.seen) == 1

    def test_a_change_under_a_key_is_repeated_under_the_same_key(self, standin: StandIn, transport: Transport) -> None:
        standin.out_of_turn = [Reply(202, b"{", breaks_off=True), BUSY]
        body = {"script_name": "train.py"}
        transport.post("/mlops/training/upload", body, idempotency_key="key-1")
        assert [request.headers["idempotency-key"] for request in standin.seen] == ["key-1"] * 3
        assert all(request.json == body for request in standin.seen)

    def test_the_server_says_how_long_to_wait(self, standin: StandIn, transport: Transport, clock: FakeClock) -> None:
        standin.out_of_turn = [reply(429, {"error": "slowly", "code": "busy"}, Retry_After="3")]
        transport.get("/mlops/status")
        assert clock.pauses == [3.0]

    def test_a_server_that_asks_for_long_patience_is_reported_to_the_caller(
        self, standin: StandIn, transport: Transport, clock: FakeClock
    ) -> None:
        standin.out_of_turn = [reply(429, {"error": "slowly", "code": "busy"}, Retry_After="120")]
        with pytest.raises(errors.Busy, match="slowly"):
            transport.get("/mlops/status")
        assert clock.pauses == []

    def test_a_refusal_for_good_is_not_repeated(self, standin: StandIn, transport: Transport) -> None:
        standin.out_of_turn = [NO_SUCH]
        with pytest.raises(errors.NotFound):
            transport.get("/mlops/status")
        assert len(standin.seen) == 1


class TestProxies:
    def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
        self, standin: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(httpx.ConnectError):
            httpx.get(standin.url)
        transport = Transport(standin.url, token=TOKEN)
        assert transport.get("/mlops/status")["status"] == "ok"
        transport.close()
