"""The one error that ends a benchmark with a sentence instead of a traceback."""


class BenchmarkError(Exception):
    """What cannot be measured, and why."""
