"""A clock that tests advance by hand: the fake."""

from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """The port `Clock`, for tests: sleeping moves it on at once."""

    def __init__(self, start: datetime = _START) -> None:
        self._now = start

    def now(self) -> datetime:
        """See the port."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """See the port."""
        self._now += timedelta(seconds=seconds)
