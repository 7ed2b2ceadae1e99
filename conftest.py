"""What holds for the tests of all packages."""

import signal


def pytest_configure() -> None:
    """Let an interrupt reach what tests start: a shell has its background jobs ignore it, and what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
