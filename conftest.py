"""What holds for the tests of all packages."""

import gc
import signal


def pytest_configure() -> None:
    """Let an interrupt reach what tests start: a shell has its background jobs ignore it, and what they start.

    The cyclic garbage collector looks less often: a test of the whole application makes 400,000 objects, and each pass
    over all that a test process holds took as long as the application itself.
    """
    gc.set_threshold(50_000, 10, 10)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
