"""A run of the suite, whatever the server does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fake_server import serving
from mutants import MUTANTS

from modelyard_serving.conformance.checks import CHECKS
from modelyard_serving.conformance.http import Http
from modelyard_serving.conformance.rules import Check, Level, NotApplicable, Rule, Transport, Violation
from modelyard_serving.conformance.subject import DiscoveryError, Subject, discover
from modelyard_serving.conformance.suite import Outcome, Result, Suite

Connection = socket.socket
READY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def _listening(serve: Callable[[Connection], object]) -> Iterator[Http]:
    """A server that does with each connection what a test wants."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                serve(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield Http(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.3)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _check(run: Callable[[Subject], None]) -> Check:
    return Check(Rule("T1", "a rule", "0", "a group", Level.MUST, Transport.REST), run)


def _asks(subject: Subject) -> None:
    subject.http.get("/v2/health/live")


def _run(http: Http, *runs: Callable[[Subject], None], sleeps: list[float] | None = None) -> list[Result]:
    sleep = (sleeps if sleeps is not None else []).append
    suite = Suite([Subject(http, model="m")], patience=2, sleep=sleep)
    return list(suite.run(_check(run) for run in runs))


def _raises(error: Exception) -> Callable[[Subject], None]:
    def run(_: Subject) -> None:
        raise error

    return run


class TestSuite:
    http = Http("http://127.0.0.1:9", timeout=0.1)

    def test_a_check_that_returns_passes(self) -> None:
        (result,) = _run(self.http, lambda _: None)

        assert result.outcome is Outcome.PASS

    def test_a_violation_fails_with_its_reason(self) -> None:
        (result,) = _run(self.http, _raises(Violation("expected 1, 2 came")))

        assert (result.outcome, result.reason) == (Outcome.FAIL, "expected 1, 2 came")

    def test_a_check_that_cannot_be_asked_is_skipped_with_its_reason(self) -> None:
        (result,) = _run(self.http, _raises(NotApplicable("no versions")))

        assert (result.outcome, result.reason) == (Outcome.SKIP, "no versions")

    def test_an_answer_that_trips_a_check_up_fails_it(self) -> None:
        (result,) = _run(self.http, _raises(KeyError("outputs")))

        assert result.outcome is Outcome.FAIL
        assert "KeyError" in result.reason

    def test_a_rule_that_fails_for_one_of_two_models_fails(self) -> None:
        def run(subject: Subject) -> None:
            if subject.model == "bad":
                raise Violation("it is bad")

        subjects = [Subject(self.http, model=name) for name in ("good", "bad")]
        (result,) = Suite(subjects, patience=0).run([_check(run)])

        assert result.outcome is Outcome.FAIL

    def test_a_rule_that_is_skipped_for_one_of_two_models_is_judged_by_the_other(self) -> None:
        def run(subject: Subject) -> None:
            if subject.model == "bare":
                raise NotApplicable("nothing to ask")

        subjects = [Subject(self.http, model=name) for name in ("full", "bare")]
        (result,) = Suite(subjects, patience=0).run([_check(run)])

        assert result.outcome is Outcome.PASS


class TestBrokenServers:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"", "did not answer"),
            (b"nonsense\r\n\r\n", "did not answer"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "did not answer"),
            (b"HTTP/1.1 abc\r\n\r\n", "did not answer"),
        ],
    )
    def test_an_answer_that_is_no_http_fails_the_check(self, answer: bytes, reason: str) -> None:
        with _listening(lambda connection: connection.sendall(answer)) as http:
            (result,) = _run(http, _asks)

        assert result.outcome is Outcome.FAIL
        assert reason in result.reason

    def test_a_server_that_hangs_fails_the_check_after_the_timeout(self) -> None:
        done = threading.Event()
        with _listening(lambda _: bool(done.wait(10))) as http:
            (result,) = _run(http, _asks)
            done.set()

        assert "timed out" in result.reason

    def test_the_suite_goes_on_when_a_crashed_server_is_back(self) -> None:
        answers = iter([b"", b"", b"", READY, READY])
        sleeps: list[float] = []
        with _listening(lambda connection: connection.sendall(next(answers))) as http:
            results = _run(http, _asks, _asks, sleeps=sleeps)

        assert [result.outcome for result in results] == [Outcome.FAIL, Outcome.PASS]
        assert len(sleeps) == 2

    def test_a_server_that_never_comes_back_fails_the_rest_without_asking(self) -> None:
        asked: list[str] = []
        results = _run(Http("http://127.0.0.1:9", timeout=0.1), _asks, lambda subject: asked.append(subject.model))

        assert [result.outcome for result in results] == [Outcome.FAIL, Outcome.FAIL]
        assert "did not come back" in results[1].reason
        assert asked == []

    def test_every_check_survives_a_server_that_answers_nonsense_to_everything(self) -> None:
        nonsense = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n" + b'{"inputs": [7]}'

        def serve(connection: Connection) -> None:
            connection.recv(65536)
            connection.sendall(nonsense)

        with _listening(serve) as http:
            subject = Subject(http, model="m")
            results = list(Suite([subject], patience=0).run(CHECKS))

        assert len(results) == len(CHECKS)
        assert {result.outcome for result in results} == {Outcome.PASS, Outcome.FAIL, Outcome.SKIP}


class TestMutants:
    def test_there_is_one_for_every_rule(self) -> None:
        assert list(MUTANTS) != []
        assert set(MUTANTS) == {check.rule.id for check in CHECKS}

    def test_ids_of_rules_are_unique(self) -> None:
        ids = [check.rule.id for check in CHECKS]

        assert len(set(ids)) == len(ids)


class TestDiscovery:
    def test_the_first_ready_model_of_the_repository_is_taken(self) -> None:
        with serving(with_grpc=False) as addresses:
            assert discover(Http(addresses.url, timeout=5)) == "echo"

    def test_a_server_that_tells_no_models_asks_for_a_name(self) -> None:
        with serving("has no index", with_grpc=False) as addresses, pytest.raises(DiscoveryError, match="--model"):
            discover(Http(addresses.url, timeout=5))

    def test_nobody_at_the_address_is_reported(self) -> None:
        with pytest.raises(DiscoveryError, match="did not answer"):
            discover(Http("http://127.0.0.1:9", timeout=1))
