"""Who is known to the tracking server, also while the database is away and without authentication."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.errors import Unauthenticated, Unavailable
from modelyard.principals import FIRST_TENANT, Principal, Role
from modelyard.tracking_access import callers as module
from modelyard.tracking_access.callers import PLATFORM, Callers
from modelyard.tracking_access.domain import Caller, TrainingJob
from modelyard.tracking_access.signing import RunToken, TrackingSigner

SIGNER = TrackingSigner("a key")


class Training:
    """The jobs' table, which can be away."""

    def __init__(self) -> None:
        self.job: TrainingJob | None = TrainingJob(tenant_id=FIRST_TENANT, model_name="churn")
        self.is_away = False

    def find(self, _job_id: str) -> TrainingJob | None:
        if self.is_away:
            raise Unavailable("the database does not answer", code="database_unavailable")
        return self.job


class Access:
    def authenticate(self, _authorization: str | None, *, address: str | None = None) -> Principal:
        return Principal(tenant_id=FIRST_TENANT, subject="anonymous", role=Role.ADMIN)


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, which a test moves."""
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def make(training: Training, clock: ManualClock, *, is_open: bool = False) -> Callers:
    parts: dict[str, Any] = {"access": Access(), "tenants": SimpleNamespace(is_single=lambda: True)}
    return Callers(signer=SIGNER, training=training, clock=clock, is_open=is_open, **parts)


def header(clock: ManualClock, *, minutes: int = 5) -> str:
    return "Bearer " + SIGNER.run_token(RunToken("job-1/1", clock.now() + timedelta(minutes=minutes)))


def test_a_run_that_was_known_logs_on_while_the_database_is_away(clock: ManualClock, seconds: list[float]) -> None:
    training = Training()
    callers = make(training, clock)
    first = callers.find(header(clock), address=None)
    training.is_away, seconds[0] = True, 60.0

    again = callers.find(header(clock), address=None)

    assert isinstance(first, Caller)
    assert again == first


def test_one_that_was_not_is_reported_to_come_again(clock: ManualClock) -> None:
    training = Training()
    training.is_away = True

    with pytest.raises(Unavailable):
        make(training, clock).find(header(clock), address=None)


def test_the_end_of_the_job_counts_after_two_seconds_at_most(clock: ManualClock, seconds: list[float]) -> None:
    training = Training()
    callers = make(training, clock)
    callers.find(header(clock), address=None)
    training.job, seconds[0] = None, 2.1

    with pytest.raises(Unauthenticated, match="the run has ended"):
        callers.find(header(clock), address=None)


def test_what_is_known_needs_no_database(clock: ManualClock) -> None:
    callers = make(Training(), clock)

    assert callers.recall(header(clock)) is None
    found = callers.find(header(clock), address=None)

    assert callers.recall(header(clock)) == found
    assert callers.recall("Bearer " + SIGNER.platform_token()) is PLATFORM


def test_without_authentication_people_need_none_and_a_run_stays_bound(clock: ManualClock) -> None:
    callers = make(Training(), clock, is_open=True)

    anybody = callers.find(None, address="127.0.0.1")
    run = callers.find(header(clock), address="127.0.0.1")

    assert isinstance(anybody, Caller)
    assert (anybody.is_operator, anybody.grant) == (True, None)
    assert isinstance(run, Caller)
    assert run.grant is not None
    with pytest.raises(Unauthenticated):
        callers.find(header(clock, minutes=-1), address="127.0.0.1")


@pytest.mark.parametrize("token", ["mr_", "mr_job-1/1.99999999999.x", "mr_job-1/1.x.y", "mr_" + "." * 50])
def test_a_forged_token_is_nobodys(clock: ManualClock, token: str) -> None:
    with pytest.raises(Unauthenticated):
        make(Training(), clock).find(f"Bearer {token}", address=None)


def test_a_token_of_another_home_is_nobodys(clock: ManualClock) -> None:
    other = TrackingSigner("another key").run_token(RunToken("job-1/1", clock.now() + timedelta(minutes=5)))

    with pytest.raises(Unauthenticated):
        make(Training(), clock).find(f"Bearer {other}", address=None)
