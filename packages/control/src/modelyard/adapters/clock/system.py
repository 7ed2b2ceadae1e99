"""The machine's own clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The port `Clock`, for real."""

    def now(self) -> datetime:
        """See the port."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """See the port."""
        time.sleep(seconds)
